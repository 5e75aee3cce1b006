-- A returned row says that mart_user_activity has more or fewer buckets than there are powers of two of
-- enough people to be shown on their own. If there is none, there is one bucket.
with raters as (
    select n_ratings
    from {{ ref('dim_users') }}
    where n_ratings > 0
),

powers as (
    select floor(log(2, n_ratings + 0.5)) as power
    from raters
    group by floor(log(2, n_ratings + 0.5))
    having count(*) >= {{ var('fewest_people') }}
),

totals as (
    select
        (select count(*) from raters) as n_people,
        (select count(*) from powers) as n_powers,
        (select count(*) from {{ ref('mart_user_activity') }}) as n_buckets
)

select *
from totals
where
    n_people > 0
    and n_buckets <> greatest(1, n_powers)
