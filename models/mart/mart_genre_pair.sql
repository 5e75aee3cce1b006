with movies as (
    select * from {{ ref('mart_movie') }}
),

movie_genres as (
    select * from {{ ref('dim_movie_genres') }}
),

ratings_per_pair as (
    select
        first_genre.genre as genre_a,
        second_genre.genre as genre_b,
        cast(count(*) as bigint) as n_movies,
        cast(sum(movies.n_ratings) as bigint) as n_ratings,
        cast(sum(movies.sum_rating) as double) as sum_rating
    from movie_genres as first_genre
    inner join movie_genres as second_genre
        on
            first_genre.movie_id = second_genre.movie_id
            and first_genre.genre < second_genre.genre
    inner join movies on first_genre.movie_id = movies.movie_id
    group by first_genre.genre, second_genre.genre
)

select * from ratings_per_pair
order by genre_a, genre_b
