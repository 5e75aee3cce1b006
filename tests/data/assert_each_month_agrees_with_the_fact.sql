-- A returned row is a month whose ratings, stars or people are not those of fct_ratings and dim_users,
-- or one wrongly called partial. A null stands for one to four people, and for any number of newcomers in
-- years where months of one to four could be told from the others: they are fewer than five together, or
-- each one, or each four.
with ratings_per_month_and_user as (
    select
        extract(year from rated_at) * 12 + extract(month from rated_at) as month_number,
        user_id,
        count(*) as n_ratings,
        sum(rating) as sum_rating
    from {{ ref('fct_ratings') }}
    group by extract(year from rated_at) * 12 + extract(month from rated_at), user_id
),

ratings_per_month as (
    select
        month_number,
        sum(n_ratings) as n_ratings,
        sum(sum_rating) as sum_rating,
        count(*) as n_users
    from ratings_per_month_and_user
    group by month_number
),

new_users_per_month as (
    select
        extract(year from first_rated_at) * 12 + extract(month from first_rated_at) as month_number,
        count(*) as n_new_users
    from {{ ref('dim_users') }}
    where n_ratings > 0
    group by extract(year from first_rated_at) * 12 + extract(month from first_rated_at)
),

new_users_per_year as (
    select
        floor((month_number - 1) / 12.0) as joining_year,
        sum(n_new_users) as n_users,
        sum(case when n_new_users < {{ var('fewest_people') }} then n_new_users else 0 end) as n_few,
        count(case when n_new_users < {{ var('fewest_people') }} then 1 end) as n_months_of_few
    from new_users_per_month
    group by floor((month_number - 1) / 12.0)
),

-- A year of too few belongs to the one of enough before it, those before any to the first of enough.
number_of_group as (
    select
        joining_year,
        n_few,
        n_months_of_few,
        greatest(
            1,
            sum(case when n_users >= {{ var('fewest_people') }} then 1 else 0 end)
                over (order by joining_year rows between unbounded preceding and current row)
        ) as group_number
    from new_users_per_year
),

few_per_group as (
    select
        joining_year,
        sum(n_few) over (partition by group_number) as n_few,
        sum(n_months_of_few) over (partition by group_number) as n_months_of_few
    from number_of_group
),

told_year as (
    select joining_year
    from few_per_group
    where
        n_few between 1 and {{ var('fewest_people') }} - 1
        or (n_few > 0 and n_few = n_months_of_few)
        or (n_few > 0 and n_few = n_months_of_few * ({{ var('fewest_people') }} - 1))
),

recount as (
    select
        rated.month_number,
        rated.n_ratings,
        rated.sum_rating,
        case when rated.n_users < {{ var('fewest_people') }} then -1 else rated.n_users end as n_users,
        case
            when joined.n_new_users < {{ var('fewest_people') }} then -1
            when joined.n_new_users > 0 and told_year.joining_year is not null then -1
            else coalesce(joined.n_new_users, 0)
        end as n_new_users,
        rated.month_number = min(rated.month_number) over ()
        or rated.month_number = max(rated.month_number) over () as is_partial
    from ratings_per_month as rated
    left join new_users_per_month as joined on rated.month_number = joined.month_number
    left join told_year on floor((rated.month_number - 1) / 12.0) = told_year.joining_year
),

published as (
    select
        extract(year from month) * 12 + extract(month from month) as month_number,
        n_ratings,
        sum_rating,
        coalesce(n_users, -1) as n_users,
        coalesce(n_new_users, -1) as n_new_users,
        is_partial
    from {{ ref('mart_rating_month') }}
    where
        n_ratings <> 0
        or n_users is null
        or n_users <> 0
        or n_new_users is null
        or n_new_users <> 0
        or is_partial
        or extract(day from month) <> 1
)

{{ rows_that_differ(
    'published', 'recount', ['month_number'],
    same=['n_ratings', 'sum_rating', 'n_users', 'n_new_users', 'is_partial']
) }}
