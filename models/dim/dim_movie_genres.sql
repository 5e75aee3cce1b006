with movies as (
    select * from {{ ref('src_movies') }}
),

genre_as_given as (
    {{ split_to_rows('movies', 'movie_id', 'genres', '|', 'genre') }}
),

genre_per_movie as (
    select distinct
        genre_as_given.movie_id,
        trim(genre_as_given.genre) as genre
    from genre_as_given
)

select
    movie_id,
    genre
from genre_per_movie
where genre not in ('', '(no genres listed)')
