with ratings_per_weekday_and_hour as (
    select
        {{ iso_weekday('rated_at') }} as weekday,
        extract(hour from rated_at) as hour,
        count(*) as n_ratings
    from {{ ref('fct_ratings') }}
    group by {{ iso_weekday('rated_at') }}, extract(hour from rated_at)
),

hour_of_week as (
    {{ whole_numbers(168) }}
),

weekday_and_hour as (
    select
        cast(floor(n / 24) as bigint) + 1 as weekday,
        cast(mod(n, 24) as bigint) as hour
    from hour_of_week
),

filled_hour as (
    select
        weekday_and_hour.weekday,
        weekday_and_hour.hour,
        cast(coalesce(rated.n_ratings, 0) as bigint) as n_ratings
    from weekday_and_hour
    left join ratings_per_weekday_and_hour as rated
        on
            weekday_and_hour.weekday = rated.weekday
            and weekday_and_hour.hour = rated.hour
)

select * from filled_hour
order by weekday, hour
