-- A returned row says that mart_user_activity or mart_user_cohort has more or fewer groups than there are
-- powers of two, or years, of enough people to be shown on their own. If there is none, there is one group.
with raters as (
    select
        user_id,
        n_ratings,
        extract(year from first_rated_at) as first_year
    from {{ ref('dim_users') }}
    where n_ratings > 0
),

powers as (
    select floor(log(2, n_ratings + 0.5)) as power
    from raters
    group by floor(log(2, n_ratings + 0.5))
    having count(*) >= {{ var('fewest_people') }}
),

first_years as (
    select first_year
    from raters
    group by first_year
    having count(*) >= {{ var('fewest_people') }}
),

totals as (
    select
        (select count(*) from raters) as n_people,
        (select count(*) from powers) as n_powers,
        (select count(*) from first_years) as n_first_years,
        (select count(*) from {{ ref('mart_user_activity') }}) as n_buckets,
        (select count(distinct cohort_year) from {{ ref('mart_user_cohort') }}) as n_cohorts
)

select *
from totals
where
    n_people > 0
    and (
        n_buckets <> greatest(1, n_powers)
        or n_cohorts <> greatest(1, n_first_years)
    )
