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
        count(*) as n_users,
        sum(n_ratings) as n_ratings
    from raters
    group by bucket
),

users_from_bucket_on as (
    select
        bucket,
        sum(n_users) over (order by bucket desc) as n_users
    from users_per_bucket
),

last_bucket as (
    select max(bucket) as bucket
    from users_from_bucket_on
    where n_users >= {{ var('fewest_people') }}
),

merged_bucket as (
    select
        least(each.bucket, coalesce(last_bucket.bucket, each.bucket)) as bucket,
        max(each.bucket) as last_bucket,
        sum(each.n_users) as n_users,
        sum(each.n_ratings) as n_ratings
    from users_per_bucket as each
    cross join last_bucket
    group by least(each.bucket, coalesce(last_bucket.bucket, each.bucket))
),

shown_bucket as (
    select
        bucket,
        cast(power(2, bucket) as bigint) as lo,
        cast(power(2, last_bucket + 1) as bigint) - 1 as hi,
        cast({{ unless_few('n_users', 'n_users') }} as bigint) as n_users,
        cast({{ unless_few('n_users', 'n_ratings') }} as bigint) as n_ratings
    from merged_bucket
)

select * from shown_bucket
order by bucket
