-- A returned row is a count of tag applications in src or in the fact that is not the number of keys in RAW.
with current_row as (
    {{ current_rows('tags') }}
),

distinct_key as (
    select distinct
        user_id,
        movie_id,
        tag
    from current_row
),

keys_in_raw as (
    select count(*) as n_rows
    from distinct_key
),

built_rows as (
    select
        'src_tags' as model_name,
        count(*) as n_rows
    from {{ ref('src_tags') }}
    union all
    select
        'fct_tags' as model_name,
        count(*) as n_rows
    from {{ ref('fct_tags') }}
)

select
    built_rows.model_name,
    built_rows.n_rows,
    keys_in_raw.n_rows as n_keys_in_raw
from built_rows
cross join keys_in_raw
where built_rows.n_rows <> keys_in_raw.n_rows
