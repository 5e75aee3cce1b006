-- A returned row is a count of ratings in src or in the fact that is not the number of keys in RAW.
with current_row as (
    {{ current_rows('ratings') }}
),

distinct_key as (
    select distinct
        user_id,
        movie_id
    from current_row
),

keys_in_raw as (
    select count(*) as n_rows
    from distinct_key
),

built_rows as (
    select
        'src_ratings' as model_name,
        count(*) as n_rows
    from {{ ref('src_ratings') }}
    union all
    select
        'fct_ratings' as model_name,
        count(*) as n_rows
    from {{ ref('fct_ratings') }}
)

select
    built_rows.model_name,
    built_rows.n_rows,
    keys_in_raw.n_rows as n_keys_in_raw
from built_rows
cross join keys_in_raw
where built_rows.n_rows <> keys_in_raw.n_rows
