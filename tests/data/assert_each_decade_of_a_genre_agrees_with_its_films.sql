-- A returned row is a genre and decade whose figures are not those of its films.
with recount as (
    select
        film_genres.genre,
        cast(floor(films.release_year / 10.0) as bigint) * 10 as release_decade,
        count(*) as n_movies,
        sum(films.n_ratings) as n_ratings,
        sum(films.sum_rating) as sum_rating
    from {{ ref('mart_movie_genre') }} as film_genres
    inner join {{ ref('mart_movie') }} as films on film_genres.movie_id = films.movie_id
    where films.release_year is not null
    group by film_genres.genre, cast(floor(films.release_year / 10.0) as bigint)
)

{{ rows_that_differ(
    ref('mart_genre_decade'), 'recount', ['genre', 'release_decade'],
    same=['n_movies', 'n_ratings', 'sum_rating']
) }}
