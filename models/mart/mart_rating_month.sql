with ratings_per_month as (
    select
        cast(date_trunc('month', rated_at) as date) as month,
        count(*) as n_ratings,
        sum(rating) as sum_rating,
        count(distinct user_id) as n_users
    from {{ ref('fct_ratings') }}
    group by cast(date_trunc('month', rated_at) as date)
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
    -- Were the span longer than the numbers, no rating would be lost.
    select month from ratings_per_month
),

filled_month as (
    select
        month_in_span.month,
        cast(coalesce(rated.n_ratings, 0) as bigint) as n_ratings,
        cast(coalesce(rated.sum_rating, 0) as double) as sum_rating,
        cast(
            case
                when rated.n_users is null then 0
                when rated.n_users >= {{ fewest_people() }} then rated.n_users
            end as bigint
        ) as n_users,
        month_in_span.month in (span.first_month, span.last_month) as is_partial
    from month_in_span
    cross join span
    left join ratings_per_month as rated on month_in_span.month = rated.month
)

select * from filled_month
order by month
