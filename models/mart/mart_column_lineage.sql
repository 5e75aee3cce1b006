with column_edges as (
    select * from {{ source('audit', 'column_edges') }}
)

select
    from_name,
    from_column,
    to_name,
    to_column,
    through
from column_edges
