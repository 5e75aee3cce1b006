-- A returned row is a genre whose figures are not those of its films together. Deviations are combined
-- from those of the films.
with films as (
    select
        movie_id,
        n_ratings,
        sum_rating,
        coalesce(share_high, 0) * n_ratings as n_high,
        coalesce(share_low, 0) * n_ratings as n_low,
        coalesce(sd_rating * sd_rating * (n_ratings - 1), 0)
        + coalesce(sum_rating * sum_rating / nullif(n_ratings, 0), 0) as sum_of_squares
    from {{ ref('mart_movie') }}
),

film_genres as (
    select * from {{ ref('mart_movie_genre') }}
),

together as (
    select
        film_genres.genre,
        count(*) as n_movies,
        sum(films.n_ratings) as n_ratings,
        sum(films.sum_rating) as sum_rating,
        sum(films.n_high) as n_high,
        sum(films.n_low) as n_low,
        sum(films.sum_of_squares) as sum_of_squares
    from film_genres
    inner join films on film_genres.movie_id = films.movie_id
    group by film_genres.genre
),

recount as (
    select
        genre,
        n_movies,
        n_ratings,
        sum_rating,
        n_high / nullif(n_ratings, 0) as share_high,
        n_low / nullif(n_ratings, 0) as share_low,
        sqrt(
            greatest(0, sum_of_squares - sum_rating * sum_rating / nullif(n_ratings, 0))
            / nullif(case when n_ratings > 0 then n_ratings - 1 end, 0)
        ) as sd_rating
    from together
)

{{ rows_that_differ(
    ref('mart_genre'), 'recount', ['genre'],
    same=['n_movies', 'n_ratings', 'sum_rating'], close=['share_high', 'share_low', 'sd_rating']
) }}
