{#-
    Tests an incremental fact: for each key among the current rows of RAW it has the winning row,
    and no other row. So it is complete, current and has unique keys. Returns one row if it is not.

    Deliberately computed unlike the fact itself: keys are grouped once, which takes most of the
    time; only contested keys are ranked; the rest is compared by sums of hashes, which do not
    depend on row order.
-#}
{% macro difference_to_raw(dataset) -%}
{%- set spec = raw_dataset(dataset) -%}
{%- set key = spec['key'] | join(', ') -%}
{%- set row_hash = hash_of_row(spec['key'] + spec['wins_by']) -%}
with contested_key as (
    select {{ key }}
    from (
        {{ current_rows(dataset) }}
    ) as current_row
    group by {{ key }}
    having count(*) > 1
),

contested_row as (
    select
        current_row.*,
        row_number() over (
            partition by {{ prefixed('current_row', spec['key']) }}
            order by {{ prefixed('current_row', spec['wins_by'], ' desc nulls last') }}
        ) as place
    from (
        {{ current_rows(dataset) }}
    ) as current_row
    where ({{ prefixed('current_row', spec['key']) }}) in (select {{ key }} from contested_key)
),

losers as (
    select
        count(*) as n_rows,
        coalesce(sum({{ row_hash }}), 0) as sum_of_hashes
    from contested_row
    where place > 1
),

in_raw as (
    select
        count(*) as n_rows,
        coalesce(sum({{ row_hash }}), 0) as sum_of_hashes
    from (
        {{ current_rows(dataset) }}
    ) as current_row
),

in_fct as (
    select
        count(*) as n_rows,
        coalesce(sum({{ row_hash }}), 0) as sum_of_hashes
    from {{ ref('fct_' ~ dataset) }}
)

select
    in_fct.n_rows as n_rows_in_fct,
    in_raw.n_rows - losers.n_rows as n_keys_in_raw,
    in_raw.sum_of_hashes - losers.sum_of_hashes <> in_fct.sum_of_hashes as has_other_rows
from in_fct
cross join in_raw
cross join losers
where
    in_raw.n_rows - losers.n_rows <> in_fct.n_rows
    or in_raw.sum_of_hashes - losers.sum_of_hashes <> in_fct.sum_of_hashes
{%- endmacro %}
