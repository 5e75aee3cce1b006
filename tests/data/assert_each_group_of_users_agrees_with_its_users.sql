-- A returned row is a group of mart_user_activity that does not hold the users between its bounds, does
-- not begin where the one before it ends, or whose bounds are not powers of two.
with groups as (
    select
        activity.bucket,
        activity.lo,
        activity.hi,
        activity.n_users,
        activity.n_ratings,
        lag(activity.hi) over (order by activity.bucket) as hi_before,
        lead(activity.lo) over (order by activity.bucket) as next_lo
    from {{ ref('mart_user_activity') }} as activity
),

users_between_bounds as (
    select
        groups.bucket,
        count(*) as n_users,
        sum(users.n_ratings) as n_ratings
    from groups
    inner join {{ ref('dim_users') }} as users
        on
            groups.lo <= users.n_ratings
            and (groups.hi >= users.n_ratings or groups.hi is null)
    group by groups.bucket
),

-- How many users have at least as many ratings as the exponent of the bucket says.
users_of_power as (
    select
        groups.bucket,
        count(*) as n_users
    from groups
    inner join {{ ref('dim_users') }} as users
        on
            power(2, groups.bucket) <= users.n_ratings
            and power(2, groups.bucket + 1) > users.n_ratings
    group by groups.bucket
)

select groups.*
from groups
left join users_between_bounds on groups.bucket = users_between_bounds.bucket
left join users_of_power on groups.bucket = users_of_power.bucket
where
    groups.n_users is distinct from users_between_bounds.n_users
    or groups.n_ratings is distinct from users_between_bounds.n_ratings
    or groups.lo > power(2, groups.bucket)
    or (groups.lo <> 1 and groups.lo <> power(2, groups.bucket))
    or groups.hi < power(2, groups.bucket + 1) - 1
    or groups.lo <> coalesce(groups.hi_before + 1, groups.lo)
    or groups.hi <> groups.next_lo - 1
    or (groups.hi is null) <> (groups.next_lo is null)
    -- The only group may be of users none of whose powers has enough people.
    or (
        coalesce(groups.hi_before, groups.next_lo) is not null
        and coalesce(users_of_power.n_users, 0) < {{ var('fewest_people') }}
    )
