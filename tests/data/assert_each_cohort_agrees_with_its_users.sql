-- A returned row is a cohort and span of years whose users or ratings are not those of the users who
-- joined in its years, or whose span does not begin where the one before it ends.
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

recount as (
    select
        cohorts.cohort_year,
        cohorts.years_since,
        count(distinct rated.user_id) as n_users_active,
        sum(rated.n_ratings) as n_ratings
    from cohorts
    inner join ratings_per_joining_year as rated
        on
            cohorts.cohort_year <= rated.first_year
            and cohorts.last_cohort_year >= rated.first_year
            and cohorts.years_since <= rated.years_since
            and (cohorts.last_years_since >= rated.years_since or cohorts.next_years_since is null)
    group by cohorts.cohort_year, cohorts.years_since
)

select
    cohorts.cohort_year,
    cohorts.years_since
from cohorts
left join recount
    on
        cohorts.cohort_year = recount.cohort_year
        and cohorts.years_since = recount.years_since
where
    cohorts.n_users_active is distinct from recount.n_users_active
    or cohorts.n_ratings is distinct from recount.n_ratings
    or cohorts.years_since <> coalesce(cohorts.last_before + 1, 0)
    or cohorts.last_years_since <> cohorts.next_years_since - 1
    or (cohorts.last_years_since is null) <> (cohorts.next_years_since is null)
