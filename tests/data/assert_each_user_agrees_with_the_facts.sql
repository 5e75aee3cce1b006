-- A returned row is a user whose figures are not those of fct_ratings and fct_tags.
with recount as (
    select
        user_id,
        sum(n_ratings) as n_ratings,
        sum(sum_rating) as sum_rating,
        sum(sum_rating) / nullif(sum(n_ratings), 0) as mean_rating,
        sqrt(
            greatest(
                0,
                sum(sum_of_squares) - sum(sum_rating) * sum(sum_rating) / nullif(sum(n_ratings), 0)
            )
            / nullif(case when sum(n_ratings) > 0 then sum(n_ratings) - 1 end, 0)
        ) as sd_rating,
        sum(n_tags) as n_tag_applications,
        min(case when n_ratings > 0 then first_at end) as first_rated_at,
        max(case when n_ratings > 0 then last_at end) as last_rated_at,
        min(first_at) as first_active_at,
        max(last_at) as last_active_at
    from (
        select
            user_id,
            count(*) as n_ratings,
            sum(rating) as sum_rating,
            sum(rating * rating) as sum_of_squares,
            0 as n_tags,
            min(rated_at) as first_at,
            max(rated_at) as last_at
        from {{ ref('fct_ratings') }}
        group by user_id
        union all
        select
            user_id,
            0 as n_ratings,
            0 as sum_rating,
            0 as sum_of_squares,
            count(*) as n_tags,
            min(tagged_at) as first_at,
            max(tagged_at) as last_at
        from {{ ref('fct_tags') }}
        group by user_id
    ) as activity
    group by user_id
)

{{ rows_that_differ(
    ref('dim_users'), 'recount', ['user_id'],
    same=[
        'n_ratings', 'sum_rating', 'n_tag_applications', 'first_rated_at', 'last_rated_at',
        'first_active_at', 'last_active_at',
    ],
    close=['mean_rating', 'sd_rating']
) }}
