-- A returned row is a mart whose users are not the users who have rated.
with raters as (
    select count(*) as n_users
    from {{ ref('dim_users') }}
    where n_ratings > 0
),

total_per_mart as (
    select
        'mart_user_activity' as mart,
        sum(n_users) as n_users
    from {{ ref('mart_user_activity') }}
    union all
    select
        'mart_user_cohort' as mart,
        sum(n_users_active) as n_users
    from {{ ref('mart_user_cohort') }}
    where years_since = 0
)

select
    total_per_mart.*,
    raters.n_users as n_users_in_dim
from total_per_mart
cross join raters
where coalesce(total_per_mart.n_users, 0) <> raters.n_users
