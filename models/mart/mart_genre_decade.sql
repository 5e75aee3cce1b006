with dated_movie as (
    select
        movie_id,
        release_year - mod(release_year, 10) as release_decade,
        n_ratings,
        sum_rating
    from {{ ref('mart_movie') }}
    where release_year is not null
),

movie_genres as (
    select * from {{ ref('dim_movie_genres') }}
),

ratings_per_genre_and_decade as (
    select
        movie_genres.genre,
        cast(dated_movie.release_decade as bigint) as release_decade,
        cast(count(*) as bigint) as n_movies,
        cast(sum(dated_movie.n_ratings) as bigint) as n_ratings,
        cast(sum(dated_movie.sum_rating) as double) as sum_rating
    from dated_movie
    inner join movie_genres on dated_movie.movie_id = movie_genres.movie_id
    group by movie_genres.genre, dated_movie.release_decade
)

select * from ratings_per_genre_and_decade
order by genre, release_decade
