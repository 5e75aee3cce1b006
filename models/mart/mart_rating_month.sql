with ratings_per_month as (
    select
        cast(date_trunc('month', rated_at) as date) as month,
        count(*) as n_ratings,
        sum(rating) as sum_rating,
        count(distinct user_id) as n_users
    from {{ ref('fct_ratings') }}
    group by cast(date_trunc('month', rated_at) as date)
),

new_users_per_month as (
    select
        cast(date_trunc('month', first_rated_at) as date) as month,
        count(*) as n_new_users
    from {{ ref('dim_users') }}
    where first_rated_at is not null
    group by cast(date_trunc('month', first_rated_at) as date)
),

new_users_per_year as (
    select
        extract(year from month) as joining_year,
        sum(n_new_users) as n_new_users
    from new_users_per_month
    group by extract(year from month)
),

-- The groups of years of which cohorts are made (mart_user_cohort).
merged_year as (
    select
        joining_year,
        {{ merged_with_enough_people('joining_year', 'n_new_users') }} as merged_year
    from new_users_per_year
),

few_new_users_per_merged_year as (
    select
        merged_year.merged_year,
        sum(joined.n_new_users) as n_people,
        count(*) as n_months
    from new_users_per_month as joined
    inner join merged_year on extract(year from joined.month) = merged_year.joining_year
    where joined.n_new_users < {{ var('fewest_people') }}
    group by merged_year.merged_year
),

-- Months too small to be shown could be told from the others and the cohort, if these are all shown.
year_told_by_subtraction as (
    select merged_year.joining_year
    from merged_year
    inner join few_new_users_per_merged_year as few on merged_year.merged_year = few.merged_year
    where
        few.n_people < {{ var('fewest_people') }}
        or few.n_people in (few.n_months, few.n_months * ({{ var('fewest_people') }} - 1))
),

span as (
    select
        min(month) as first_month,
        max(month) as last_month
    from ratings_per_month
),

month_number as (
    {{ whole_numbers(1200) }}
),

month_in_span as (
    select
        {{ add_months('span.first_month', 'month_number.n') }} as month
    from span
    cross join month_number
    where {{ add_months('span.first_month', 'month_number.n') }} <= span.last_month
    union
    -- If the span outgrew the numbers, ratings would still not be lost.
    select month from ratings_per_month
),

filled_month as (
    select
        month_in_span.month,
        cast(coalesce(rated.n_ratings, 0) as bigint) as n_ratings,
        cast(coalesce(rated.sum_rating, 0) as double) as sum_rating,
        coalesce(rated.n_users, 0) as n_users,
        coalesce(joined.n_new_users, 0) as n_new_users,
        joined.n_new_users is not null and told.joining_year is not null as is_told_by_subtraction,
        month_in_span.month in (span.first_month, span.last_month) as is_partial
    from month_in_span
    cross join span
    left join ratings_per_month as rated on month_in_span.month = rated.month
    left join new_users_per_month as joined on month_in_span.month = joined.month
    left join year_told_by_subtraction as told
        on extract(year from month_in_span.month) = told.joining_year
),

shown_month as (
    select
        month,
        n_ratings,
        sum_rating,
        cast({{ unless_few('n_users', 'n_users') }} as bigint) as n_users,
        cast(
            case when is_told_by_subtraction then null else {{ unless_few('n_new_users', 'n_new_users') }} end
            as bigint
        ) as n_new_users,
        is_partial
    from filled_month
)

select * from shown_month
order by month
