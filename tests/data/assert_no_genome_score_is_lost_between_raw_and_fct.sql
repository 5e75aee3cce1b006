-- A returned row is a number of rows in fct_genome_scores that is not the number of keys (film and tag)
-- among the rows of RAW that count.
with current_row as (
    {{ current_rows('genome_scores') }}
),

distinct_key as (
    select distinct
        movie_id,
        tag_id
    from current_row
),

keys_in_raw as (
    select count(*) as n_keys
    from distinct_key
),

fact as (
    select count(*) as n_rows
    from {{ ref('fct_genome_scores') }}
)

select
    fact.n_rows,
    keys_in_raw.n_keys
from fact
cross join keys_in_raw
where fact.n_rows <> keys_in_raw.n_keys
