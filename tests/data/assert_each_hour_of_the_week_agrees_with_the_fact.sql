-- A returned row is an hour of the week whose ratings are not those of fct_ratings, by their seconds
-- since 1970, which began on a Thursday.
with ratings_per_hour as (
    select
        cast(floor({{ timestamp_to_epoch('rated_at') }} / 3600) as bigint) as hour_since_1970,
        count(*) as n_ratings
    from {{ ref('fct_ratings') }}
    group by cast(floor({{ timestamp_to_epoch('rated_at') }} / 3600) as bigint)
),

recount as (
    select
        mod(mod(cast(floor(hour_since_1970 / 24) as bigint) + 3, 7) + 7, 7) + 1 as weekday,
        mod(mod(hour_since_1970, 24) + 24, 24) as hour,
        sum(n_ratings) as n_ratings
    from ratings_per_hour
    group by
        mod(mod(cast(floor(hour_since_1970 / 24) as bigint) + 3, 7) + 7, 7) + 1,
        mod(mod(hour_since_1970, 24) + 24, 24)
),

published as (
    select * from {{ ref('mart_weekday_hour') }}
    where n_ratings <> 0
)

{{ rows_that_differ('published', 'recount', ['weekday', 'hour'], same=['n_ratings']) }}
