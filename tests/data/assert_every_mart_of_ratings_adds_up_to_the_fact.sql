-- A returned row is a mart whose ratings or stars do not add up to those of fct_ratings. Stars are
-- null if the mart has none.
with fact as (
    select
        count(*) as n_ratings,
        coalesce(sum(rating), 0) as sum_rating
    from {{ ref('fct_ratings') }}
),

total_per_mart as (
    select
        'mart_rating_month' as mart,
        sum(n_ratings) as n_ratings,
        sum(sum_rating) as sum_rating
    from {{ ref('mart_rating_month') }}
    union all
    select
        'mart_rating_value_year' as mart,
        sum(n_ratings) as n_ratings,
        sum(rating * n_ratings) as sum_rating
    from {{ ref('mart_rating_value_year') }}
    union all
    select
        'mart_weekday_hour' as mart,
        sum(n_ratings) as n_ratings,
        null as sum_rating
    from {{ ref('mart_weekday_hour') }}
    union all
    select
        'mart_user_activity' as mart,
        sum(n_ratings) as n_ratings,
        null as sum_rating
    from {{ ref('mart_user_activity') }}
    union all
    select
        'mart_user_cohort' as mart,
        sum(n_ratings) as n_ratings,
        null as sum_rating
    from {{ ref('mart_user_cohort') }}
    union all
    select
        'mart_movie' as mart,
        sum(n_ratings) as n_ratings,
        sum(sum_rating) as sum_rating
    from {{ ref('mart_movie') }}
)

select
    total_per_mart.*,
    fact.n_ratings as n_ratings_in_fact,
    fact.sum_rating as sum_rating_in_fact
from total_per_mart
cross join fact
where
    coalesce(total_per_mart.n_ratings, 0) <> fact.n_ratings
    or total_per_mart.sum_rating <> fact.sum_rating
