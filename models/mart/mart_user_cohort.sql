with ratings_per_user_and_year as (
    select
        user_id,
        extract(year from rated_at) as rating_year,
        count(*) as n_ratings
    from {{ ref('fct_ratings') }}
    group by user_id, extract(year from rated_at)
),

cohorts as (
    select
        user_id,
        extract(year from first_rated_at) as cohort_year
    from {{ ref('dim_users') }}
    where first_rated_at is not null
),

activity_per_cohort as (
    select
        cohorts.cohort_year,
        active.rating_year - cohorts.cohort_year as years_since,
        count(*) as n_users,
        sum(active.n_ratings) as n_ratings
    from ratings_per_user_and_year as active
    inner join cohorts on active.user_id = cohorts.user_id
    group by cohorts.cohort_year, active.rating_year
),

shown_activity as (
    select
        cast(cohort_year as bigint) as cohort_year,
        cast(years_since as bigint) as years_since,
        cast({{ unless_few('n_users', 'n_users') }} as bigint) as n_users_active,
        cast({{ unless_few('n_users', 'n_ratings') }} as bigint) as n_ratings
    from activity_per_cohort
)

select * from shown_activity
order by cohort_year, years_since
