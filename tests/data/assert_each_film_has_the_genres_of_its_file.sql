-- A returned row is a film whose genres are not those of its file.
with films as (
    select * from {{ ref('src_movies') }}
),

genre_in_file as (
    {{ split_to_rows('films', 'movie_id', 'genres', '|', 'genre') }}
),

genres_in_file as (
    select
        movie_id,
        count(distinct trim(genre)) as n_genres,
        min(trim(genre)) as first_genre,
        max(trim(genre)) as last_genre
    from genre_in_file
    where
        trim(genre) <> ''
        and lower(trim(genre)) <> '(no genres listed)'
    group by movie_id
),

genres_shown as (
    select
        movie_id,
        count(*) as n_genres,
        min(genre) as first_genre,
        max(genre) as last_genre,
        sum(length(genre) + 2) - 2 as length_of_text
    from {{ ref('mart_movie_genre') }}
    group by movie_id
),

shown_film as (
    select
        movies.movie_id,
        genres_shown.n_genres,
        genres_shown.first_genre,
        genres_shown.last_genre
    from {{ ref('mart_movie') }} as movies
    left join genres_shown on movies.movie_id = genres_shown.movie_id
    where
        genres_shown.movie_id is not null
        or movies.genres_text is not null
),

text_that_differs as (
    select
        movies.movie_id,
        movies.genres_text,
        genres_shown.n_genres
    from {{ ref('mart_movie') }} as movies
    inner join genres_shown on movies.movie_id = genres_shown.movie_id
    where
        movies.genres_text is null
        or length(movies.genres_text) <> genres_shown.length_of_text
        or movies.genres_text not like genres_shown.first_genre || '%'
        or movies.genres_text not like '%' || genres_shown.last_genre
)

select movie_id
from text_that_differs
union all
select movie_id
from (
    {{ rows_that_differ(
        'shown_film', 'genres_in_file', ['movie_id'], same=['n_genres', 'first_genre', 'last_genre']
    ) }}
) as films_that_differ
