with often_rated_movie as (
    select movie_id
    from {{ ref('mart_movie') }}
    where n_ratings >= 100
),

ratings_per_year as (
    select
        ratings.movie_id,
        cast(extract(year from ratings.rated_at) as bigint) as rating_year,
        cast(count(*) as bigint) as n_ratings,
        cast(sum(ratings.rating) as double) as sum_rating
    from {{ ref('fct_ratings') }} as ratings
    inner join often_rated_movie on ratings.movie_id = often_rated_movie.movie_id
    group by ratings.movie_id, extract(year from ratings.rated_at)
)

select * from ratings_per_year
order by movie_id, rating_year
