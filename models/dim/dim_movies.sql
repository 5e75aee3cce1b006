with movies as (
    select * from {{ ref('src_movies') }}
),

links as (
    select * from {{ ref('src_links') }}
),

ids_in_use as (
    select movie_id from movies
    union
    select movie_id from links
    union
    select movie_id from {{ ref('fct_ratings') }}
    union
    select movie_id from {{ ref('fct_tags') }}
    union
    select movie_id from {{ ref('fct_genome_scores') }}
),

described_movie as (
    select
        ids_in_use.movie_id,
        movies.movie_id is null as is_inferred,
        movies.title as title_as_given,
        {{ article_in_front(title_without_year('movies.title')) }} as title_without_year,
        {{ release_year('movies.title') }} as release_year,
        {{ regex_extract('links.imdb_id', '^([0-9]+)$') }} as imdb_id,
        links.tmdb_id
    from ids_in_use
    left join movies on ids_in_use.movie_id = movies.movie_id
    left join links on ids_in_use.movie_id = links.movie_id
),

linked_movie as (
    select
        described_movie.movie_id,
        coalesce(
            -- A title that consists only of a year stays.
            nullif(described_movie.title_without_year, ''),
            nullif(trim(described_movie.title_as_given), ''),
            'Movie ' || cast(described_movie.movie_id as varchar)
        ) as title,
        described_movie.release_year,
        described_movie.is_inferred,
        described_movie.imdb_id,
        described_movie.tmdb_id,
        'https://www.imdb.com/title/tt'
        -- IMDb ids have at least seven digits.
        || right('0000000' || described_movie.imdb_id, greatest(7, length(described_movie.imdb_id)))
        || '/' as imdb_url,
        'https://www.themoviedb.org/movie/' || cast(described_movie.tmdb_id as varchar) as tmdb_url
    from described_movie
)

select * from linked_movie
