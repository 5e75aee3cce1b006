{{ config(materialized='table') }}

with ratings as (
    select * from {{ ref('fct_ratings') }}
),

ratings_per_movie as (
    select
        ratings.movie_id,
        count(*) as n_ratings,
        sum(ratings.rating) as sum_rating,
        min(ratings.rated_at) as first_rating_at,
        max(ratings.rated_at) as last_rating_at
    from ratings
    group by ratings.movie_id
),

totals as (
    select
        cast(coalesce(sum(ratings_per_movie.n_ratings), 0) as bigint) as n_ratings,
        count(*) as n_rated_movies,
        coalesce(sum(ratings_per_movie.sum_rating), 0) as sum_rating,
        min(ratings_per_movie.first_rating_at) as first_rating_at,
        max(ratings_per_movie.last_rating_at) as last_rating_at
    from ratings_per_movie
),

prior as (
    select
        totals.*,
        totals.sum_rating / nullif(totals.n_ratings, 0) as prior_mean,
        -- A film starts with the average number of ratings per film, at least 25, all at the mean.
        cast(
            greatest(25, coalesce(round(totals.n_ratings / nullif(totals.n_rated_movies, 0)), 0)) as bigint
        ) as prior_weight
    from totals
)

select * from prior
