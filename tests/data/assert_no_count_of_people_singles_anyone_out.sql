-- A returned row is a published count of fewer than five people, although there are more in total.
with raters as (
    select count(*) as n_users
    from {{ ref('dim_users') }}
    where n_ratings > 0
),

published_count as (
    select
        'mart_rating_month' as mart,
        n_users
    from {{ ref('mart_rating_month') }}
    where n_users > 0
    union all
    select
        'mart_rating_month' as mart,
        n_new_users as n_users
    from {{ ref('mart_rating_month') }}
    where n_new_users > 0
    union all
    select
        'mart_user_activity' as mart,
        n_users
    from {{ ref('mart_user_activity') }}
    union all
    select
        'mart_user_cohort' as mart,
        n_users_active as n_users
    from {{ ref('mart_user_cohort') }}
)

select
    published_count.*,
    raters.n_users as n_users_in_all
from published_count
cross join raters
where published_count.n_users < least({{ var('fewest_people') }}, raters.n_users)
