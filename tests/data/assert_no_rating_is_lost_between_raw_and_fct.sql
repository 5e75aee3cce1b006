-- A returned row is a number of rows in fct_ratings that is not the number of keys (user and film)
-- among the rows of RAW that count.
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
    select count(*) as n_keys
    from distinct_key
),

fact as (
    select count(*) as n_rows
    from {{ ref('fct_ratings') }}
)

select
    fact.n_rows,
    keys_in_raw.n_keys
from fact
cross join keys_in_raw
where fact.n_rows <> keys_in_raw.n_keys
