with users as (
    select
        user_id,
        cast(extract(year from first_rated_at) as bigint) as first_year
    from {{ ref('dim_users') }}
    where first_rated_at is not null
),

users_per_first_year as (
    select
        first_year,
        count(*) as n_users
    from users
    group by first_year
),

merged_first_year as (
    select
        first_year,
        {{ merged_with_enough_people('first_year', 'n_users') }} as merged_year
    from users_per_first_year
),

cohorts as (
    select
        merged_year,
        min(first_year) as cohort_year,
        max(first_year) as last_cohort_year
    from merged_first_year
    group by merged_year
),

ratings_per_user_and_year as (
    select
        user_id,
        cast(extract(year from rated_at) as bigint) as rating_year,
        count(*) as n_ratings
    from {{ ref('fct_ratings') }}
    group by user_id, cast(extract(year from rated_at) as bigint)
),

active_user as (
    select
        cohorts.cohort_year,
        cohorts.last_cohort_year,
        active.user_id,
        active.rating_year - users.first_year as years_since,
        active.n_ratings
    from ratings_per_user_and_year as active
    inner join users on active.user_id = users.user_id
    inner join merged_first_year on users.first_year = merged_first_year.first_year
    inner join cohorts on merged_first_year.merged_year = cohorts.merged_year
),

users_per_cohort_and_year as (
    select
        cohort_year,
        years_since,
        count(*) as n_users
    from active_user
    group by cohort_year, years_since
),

merged_years_since as (
    select
        cohort_year,
        years_since,
        {{ merged_with_enough_people('years_since', 'n_users', 'cohort_year') }} as merged_years
    from users_per_cohort_and_year
),

activity_per_cohort as (
    select
        active_user.cohort_year,
        active_user.last_cohort_year,
        merged_years_since.merged_years as years_since,
        cast(count(distinct active_user.user_id) as bigint) as n_users_active,
        cast(sum(active_user.n_ratings) as bigint) as n_ratings
    from active_user
    inner join merged_years_since
        on
            active_user.cohort_year = merged_years_since.cohort_year
            and active_user.years_since = merged_years_since.years_since
    group by active_user.cohort_year, active_user.last_cohort_year, merged_years_since.merged_years
)

select
    cohort_year,
    last_cohort_year,
    years_since,
    cast(
        lead(years_since) over (partition by cohort_year order by years_since) - 1 as bigint
    ) as last_years_since,
    n_users_active,
    n_ratings
from activity_per_cohort
order by cohort_year, years_since
