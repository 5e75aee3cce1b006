with raters as (
    select
        n_ratings,
        -- Half a rating more leaves the whole part as it is, and keeps the logarithm of 8 from being
        -- 2.9999999999999996.
        cast(floor(log(2, n_ratings + 0.5)) as bigint) as bucket
    from {{ ref('dim_users') }}
    where n_ratings > 0
),

users_per_bucket as (
    select
        bucket,
        cast(power(2, bucket) as bigint) as lo,
        cast(power(2, bucket + 1) as bigint) - 1 as hi,
        cast(count(*) as bigint) as n_users,
        cast(sum(n_ratings) as bigint) as n_ratings
    from raters
    group by bucket
)

select * from users_per_bucket
order by bucket
