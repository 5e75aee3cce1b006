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
        cast(cohorts.cohort_year as bigint) as cohort_year,
        cast(active.rating_year - cohorts.cohort_year as bigint) as years_since,
        cast(count(*) as bigint) as n_users_active,
        cast(sum(active.n_ratings) as bigint) as n_ratings
    from ratings_per_user_and_year as active
    inner join cohorts on active.user_id = cohorts.user_id
    group by cohorts.cohort_year, active.rating_year
)

select * from activity_per_cohort
order by cohort_year, years_since
