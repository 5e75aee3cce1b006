-- A returned row is an edge that leads to or from a column that no model has.
with edges as (
    select *
    from {{ ref('mart_column_lineage') }}
),

columns_of_models as (
    select
        table_name,
        column_name
    from {{ ref('mart_dictionary') }}
),

models as (
    select distinct table_name
    from columns_of_models
),

ends as (
    select
        to_name as table_name,
        to_column as column_name
    from edges
    union all
    select
        edges.from_name as table_name,
        edges.from_column as column_name
    from edges
    inner join models on edges.from_name = models.table_name
    where edges.from_column <> '*'
)

select ends.*
from ends
left join columns_of_models
    on
        ends.table_name = columns_of_models.table_name
        and ends.column_name = columns_of_models.column_name
where columns_of_models.table_name is null
