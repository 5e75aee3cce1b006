-- A returned row is a cohort and span of years whose users or ratings are not those of the users who
-- joined in its years, whose span does not begin where the one before it ends, or that holds more than
-- one year, or none, of enough users to be shown on its own.
with cohorts as (
    select
        cohort_year,
        last_cohort_year,
        years_since,
        last_years_since,
        lag(last_years_since) over (partition by cohort_year order by years_since) as last_before,
        lead(years_since) over (partition by cohort_year order by years_since) as next_years_since,
        n_users_active,
        n_ratings
    from {{ ref('mart_user_cohort') }}
),

ratings_per_user_and_year as (
    select
        user_id,
        extract(year from rated_at) as rating_year,
        count(*) as n_ratings
    from {{ ref('fct_ratings') }}
    group by user_id, extract(year from rated_at)
),

ratings_per_joining_year as (
    select
        users.user_id,
        extract(year from users.first_rated_at) as first_year,
        rated.rating_year - extract(year from users.first_rated_at) as years_since,
        rated.n_ratings
    from ratings_per_user_and_year as rated
    inner join {{ ref('dim_users') }} as users on rated.user_id = users.user_id
),

pair_of_years as (
    select
        first_year,
        years_since
    from ratings_per_joining_year
    group by first_year, years_since
),

-- Bounds are compared once for each pair of years, as comparing them for each user takes long.
cohort_of_pair as (
    select
        cohorts.cohort_year,
        cohorts.years_since,
        pairs.first_year,
        pairs.years_since as exact_years_since
    from cohorts
    inner join pair_of_years as pairs
        on
            cohorts.cohort_year <= pairs.first_year
            and cohorts.last_cohort_year >= pairs.first_year
            and cohorts.years_since <= pairs.years_since
            and (cohorts.last_years_since >= pairs.years_since or cohorts.next_years_since is null)
),

active_users as (
    select
        cohort_of_pair.cohort_year,
        cohort_of_pair.years_since,
        cohort_of_pair.exact_years_since,
        rated.user_id,
        rated.n_ratings
    from ratings_per_joining_year as rated
    inner join cohort_of_pair
        on
            rated.first_year = cohort_of_pair.first_year
            and rated.years_since = cohort_of_pair.exact_years_since
),

recount as (
    select
        cohort_year,
        years_since,
        count(distinct user_id) as n_users_active,
        sum(n_ratings) as n_ratings
    from active_users
    group by cohort_year, years_since
),

users_per_exact_year as (
    select
        cohort_year,
        years_since,
        exact_years_since,
        count(*) as n_users
    from active_users
    group by cohort_year, years_since, exact_years_since
),

years_of_enough_users as (
    select
        cohort_year,
        years_since,
        count(case when n_users >= {{ var('fewest_people') }} then 1 end) as n_years
    from users_per_exact_year
    group by cohort_year, years_since
)

select
    cohorts.cohort_year,
    cohorts.years_since
from cohorts
left join recount
    on
        cohorts.cohort_year = recount.cohort_year
        and cohorts.years_since = recount.years_since
left join years_of_enough_users as enough
    on
        cohorts.cohort_year = enough.cohort_year
        and cohorts.years_since = enough.years_since
where
    cohorts.n_users_active is distinct from recount.n_users_active
    or cohorts.n_ratings is distinct from recount.n_ratings
    or cohorts.years_since <> coalesce(cohorts.last_before + 1, 0)
    or cohorts.last_years_since <> cohorts.next_years_since - 1
    or enough.n_years > 1
    -- The only span of a cohort may be of years none of which has enough users.
    or (
        coalesce(cohorts.last_before, cohorts.next_years_since) is not null
        and enough.n_years < 1
    )
    or (cohorts.last_years_since is null) <> (cohorts.next_years_since is null)
