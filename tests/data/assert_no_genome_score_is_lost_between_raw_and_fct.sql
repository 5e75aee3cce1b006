-- A returned row is a count of genome scores in src or in the fact that is not the number of keys in RAW.
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
    select count(*) as n_rows
    from distinct_key
),

built_rows as (
    select
        'src_genome_scores' as model_name,
        count(*) as n_rows
    from {{ ref('src_genome_scores') }}
    union all
    select
        'fct_genome_scores' as model_name,
        count(*) as n_rows
    from {{ ref('fct_genome_scores') }}
)

select
    built_rows.model_name,
    built_rows.n_rows,
    keys_in_raw.n_rows as n_keys_in_raw
from built_rows
cross join keys_in_raw
where built_rows.n_rows <> keys_in_raw.n_rows
