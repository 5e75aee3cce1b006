with ratings_per_user as (
    select
        user_id,
        count(*) as n_ratings,
        sum(rating) as sum_rating,
        sum(rating * rating) as sum_rating_squared,
        min(rated_at) as first_rated_at,
        max(rated_at) as last_rated_at
    from {{ ref('fct_ratings') }}
    group by user_id
),

tags_per_user as (
    select
        user_id,
        count(*) as n_tag_applications,
        min(tagged_at) as first_tagged_at,
        max(tagged_at) as last_tagged_at
    from {{ ref('fct_tags') }}
    group by user_id
),

user_ids as (
    select user_id from ratings_per_user
    union
    select user_id from tags_per_user
),

activity_per_user as (
    select
        user_ids.user_id,
        coalesce(rated.n_ratings, 0) as n_ratings,
        coalesce(rated.sum_rating, 0) as sum_rating,
        rated.sum_rating / rated.n_ratings as mean_rating,
        {{ sample_sd('rated.n_ratings', 'rated.sum_rating', 'rated.sum_rating_squared') }} as sd_rating,
        coalesce(tagged.n_tag_applications, 0) as n_tag_applications,
        rated.first_rated_at,
        rated.last_rated_at,
        least(
            coalesce(rated.first_rated_at, tagged.first_tagged_at),
            coalesce(tagged.first_tagged_at, rated.first_rated_at)
        ) as first_active_at,
        greatest(
            coalesce(rated.last_rated_at, tagged.last_tagged_at),
            coalesce(tagged.last_tagged_at, rated.last_rated_at)
        ) as last_active_at
    from user_ids
    left join ratings_per_user as rated on user_ids.user_id = rated.user_id
    left join tags_per_user as tagged on user_ids.user_id = tagged.user_id
)

select * from activity_per_user
