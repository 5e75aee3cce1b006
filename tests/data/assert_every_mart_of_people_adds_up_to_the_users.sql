-- A returned row is a mart whose users do not add up to the users who have rated. A null stands for at
-- least one person; how many it may hide is checked month by month (assert_each_month_agrees_with_the_fact).
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
    or (total_per_mart.n_hidden = 0 and raters.n_users > total_per_mart.n_users)
