-- A returned row is a mart whose users do not add up to the users who have rated. A null stands for
-- too few people to publish: at least one.
with raters as (
    select count(*) as n_users
    from {{ ref('dim_users') }}
    where n_ratings > 0
),

total_per_mart as (
    select
        'mart_rating_month' as mart,
        coalesce(sum(n_new_users), 0) as n_users,
        count(*) - count(n_new_users) as n_hidden
    from {{ ref('mart_rating_month') }}
    union all
    select
        'mart_user_activity' as mart,
        coalesce(sum(n_users), 0) as n_users,
        count(*) - count(n_users) as n_hidden
    from {{ ref('mart_user_activity') }}
    union all
    select
        'mart_user_cohort' as mart,
        coalesce(sum(n_users_active), 0) as n_users,
        count(*) - count(n_users_active) as n_hidden
    from {{ ref('mart_user_cohort') }}
    where years_since = 0
)

select
    total_per_mart.*,
    raters.n_users as n_users_in_dim
from total_per_mart
cross join raters
where
    raters.n_users < total_per_mart.n_users + total_per_mart.n_hidden
    or raters.n_users > total_per_mart.n_users + total_per_mart.n_hidden * ({{ var('fewest_people') }} - 1)
