-- A returned row is a cohort of which the months that are shown leave one to four newcomers: a reader could
-- subtract them from the cohort, although there are more people in total.
with cohorts as (
    select
        cohort_year,
        last_cohort_year,
        n_users_active as n_people
    from {{ ref('mart_user_cohort') }}
    where years_since = 0
),

shown as (
    select
        extract(year from month) as joining_year,
        sum(n_new_users) as n_people
    from {{ ref('mart_rating_month') }}
    group by extract(year from month)
),

left_of_cohort as (
    select
        cohorts.cohort_year,
        cohorts.n_people - coalesce(sum(shown.n_people), 0) as n_people
    from cohorts
    left join shown
        on
            cohorts.cohort_year <= shown.joining_year
            and cohorts.last_cohort_year >= shown.joining_year
    group by cohorts.cohort_year, cohorts.n_people
),

total as (
    select sum(n_people) as n_people
    from cohorts
)

select left_of_cohort.*
from left_of_cohort
cross join total
where
    left_of_cohort.n_people between 1 and {{ var('fewest_people') }} - 1
    and total.n_people >= {{ var('fewest_people') }}
