-- A returned row is a genre whose pairs do not have the films and ratings that its films with other
-- genres have: a film with three genres is in two pairs of each.
with genres_per_film as (
    select
        movie_id,
        count(*) - 1 as n_others
    from {{ ref('mart_movie_genre') }}
    group by movie_id
),

recount as (
    select
        film_genres.genre,
        sum(genres_per_film.n_others) as n_movies,
        sum(genres_per_film.n_others * films.n_ratings) as n_ratings,
        sum(genres_per_film.n_others * films.sum_rating) as sum_rating
    from {{ ref('mart_movie_genre') }} as film_genres
    inner join genres_per_film on film_genres.movie_id = genres_per_film.movie_id
    inner join {{ ref('mart_movie') }} as films on film_genres.movie_id = films.movie_id
    where genres_per_film.n_others > 0
    group by film_genres.genre
),

pair_of_either_genre as (
    select
        genre_a as genre,
        n_movies,
        n_ratings,
        sum_rating
    from {{ ref('mart_genre_pair') }}
    where genre_a < genre_b
    union all
    select
        genre_b as genre,
        n_movies,
        n_ratings,
        sum_rating
    from {{ ref('mart_genre_pair') }}
),

pairs_together as (
    select
        genre,
        sum(n_movies) as n_movies,
        sum(n_ratings) as n_ratings,
        sum(sum_rating) as sum_rating
    from pair_of_either_genre
    group by genre
)

{{ rows_that_differ(
    'pairs_together', 'recount', ['genre'], same=['n_movies', 'n_ratings', 'sum_rating']
) }}
