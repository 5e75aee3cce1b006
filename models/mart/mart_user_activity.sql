with raters as (
    select
        n_ratings,
        -- Adding half a rating does not change the integer part, and keeps log2(8) from becoming
        -- 2.9999999999999996.
        cast(floor(log(2, n_ratings + 0.5)) as bigint) as power_of_two
    from {{ ref('dim_users') }}
    where n_ratings > 0
),

users_per_power as (
    select
        power_of_two,
        count(*) as n_users,
        sum(n_ratings) as n_ratings
    from raters
    group by power_of_two
),

merged_power as (
    select
        power_of_two,
        {{ merged_with_enough_people('power_of_two', 'n_users') }} as bucket,
        n_users,
        n_ratings
    from users_per_power
),

users_per_bucket as (
    select
        bucket,
        -- If smaller buckets were merged into it, their bounds are not shown.
        cast(case when min(power_of_two) < bucket then 1 else power(2, bucket) end as bigint) as lo,
        cast(sum(n_users) as bigint) as n_users,
        cast(sum(n_ratings) as bigint) as n_ratings
    from merged_power
    group by bucket
)

select
    bucket,
    lo,
    cast(lead(lo) over (order by bucket) - 1 as bigint) as hi,
    n_users,
    n_ratings
from users_per_bucket
order by bucket
