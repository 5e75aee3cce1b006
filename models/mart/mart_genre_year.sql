with ratings_per_movie_and_year as (
    select
        movie_id,
        extract(year from rated_at) as rating_year,
        count(*) as n_ratings,
        sum(rating) as sum_rating
    from {{ ref('fct_ratings') }}
    group by movie_id, extract(year from rated_at)
),

movie_genres as (
    select * from {{ ref('dim_movie_genres') }}
),

ratings_per_genre_and_year as (
    select
        movie_genres.genre,
        cast(rated.rating_year as bigint) as rating_year,
        cast(sum(rated.n_ratings) as bigint) as n_ratings,
        cast(sum(rated.sum_rating) as double) as sum_rating
    from ratings_per_movie_and_year as rated
    inner join movie_genres on rated.movie_id = movie_genres.movie_id
    group by movie_genres.genre, rated.rating_year
)

select * from ratings_per_genre_and_year
order by genre, rating_year
