{#-
    Compares what is published with a recount, which a test computes along another path: returns the
    rows that only one of the two has, and those that differ. Both have the same column names.

    same: columns that must be equal. close: floating-point ones that may differ in the last digits.
-#}
{% macro rows_that_differ(published, recount, key, same=[], close=[]) -%}
select
    {%- for column in key %}
    coalesce(published.{{ column }}, recount.{{ column }}) as {{ column }},
    {%- endfor %}
    {%- for column in same + close %}
    published.{{ column }},
    recount.{{ column }} as {{ column }}_recounted,
    {%- endfor %}
    published.{{ key[0] }} is null as is_missing,
    recount.{{ key[0] }} is null as is_surplus
from {{ published }} as published
full outer join {{ recount }} as recount
    on
        {% for column in key %}
        {%- if not loop.first %}
        and {% endif %}published.{{ column }} = recount.{{ column }}
        {%- endfor %}
where
    published.{{ key[0] }} is null
    or recount.{{ key[0] }} is null
    {%- for column in same %}
    or published.{{ column }} is distinct from recount.{{ column }}
    {%- endfor %}
    {%- for column in close %}
    or {{ far_apart('published.' ~ column, 'recount.' ~ column) }}
    {%- endfor %}
{%- endmacro %}

{#- Whether two floating-point numbers differ by more than the order of summation explains. -#}
{% macro far_apart(one, other) -%}
    (
        ({{ one }} is null) <> ({{ other }} is null)
        or abs({{ one }} - {{ other }}) > 0.000001 * greatest(1, abs({{ other }}))
    )
{%- endmacro %}

{#-
    Tests an incremental fact: for each key among the current rows of RAW it has the winning row,
    and no other row. So it is complete, current and has unique keys. Returns one row if it is not.

    Deliberately computed unlike the fact itself: each test spells out its key and its order, and
    compares times as seconds; keys are grouped only in parts of owners (the first column of the key)
    that have one twice, and only contested keys are ranked; the rest is compared by sums of hashes,
    which do not depend on row order. (Grouping all keys took most of the time, and owners without
    parts are many as soon as a few keys are contested.)
-#}
{% macro difference_to_raw(dataset, columns, key, wins_by, columns_of_fact) -%}
{%- set row_hash = hash_of_row(key + wins_by) -%}
{%- set owner = key[0] -%}
{%- set owned = key[1] if key | length == 2 else hash_of_row(key[1:]) -%}
{%- set part = 'mod(' ~ owned ~ ', 16)' -%}
with current_file as (
    select file_id
    from {{ ref('src_files') }}
    where
        dataset = '{{ dataset }}'
        and is_current
),

current_row as (
    select
        {{ columns | join(',\n        ') }},
        _file_id
    from {{ source('raw', dataset) }}
    where _file_id in (select file_id from current_file)
),

contested_part as (
    select
        {{ owner }},
        {{ part }} as part
    from current_row
    group by {{ owner }}, {{ part }}
    having count(*) <> {{ count_distinct(owned) }}
),

contested_key as (
    select {{ key | join(', ') }}
    from current_row
    where ({{ owner }}, {{ part }}) in (select {{ owner }}, part from contested_part)
    group by {{ key | join(', ') }}
    having count(*) > 1
),

contested_row as (
    select
        current_row.*,
        row_number() over (
            partition by {{ prefixed('current_row', key) }}
            order by {{ prefixed('current_row', wins_by, ' desc nulls last') }}
        ) as place
    from current_row
    where ({{ prefixed('current_row', key) }}) in (select {{ key | join(', ') }} from contested_key)
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
    from current_row
),

in_fct as (
    select
        count(*) as n_rows,
        coalesce(sum({{ row_hash }}), 0) as sum_of_hashes
    from (
        select
            {{ columns_of_fact | join(',\n            ') }},
            _file_id
        from {{ ref('fct_' ~ dataset) }}
    ) as row_of_fact
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
