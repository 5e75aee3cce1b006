-- A returned row is a year of mart_rating_value_year, mart_movie_year or mart_genre_year whose ratings
-- are not those of fct_ratings.
with ratings_per_star_and_year as (
    select
        rating,
        extract(year from rated_at) as rating_year,
        count(*) as n_ratings
    from {{ ref('fct_ratings') }}
    group by rating, extract(year from rated_at)
),

ratings_per_film_and_year as (
    select
        movie_id,
        extract(year from rated_at) as rating_year,
        count(*) as n_ratings,
        sum(rating) as sum_rating
    from {{ ref('fct_ratings') }}
    group by movie_id, extract(year from rated_at)
),

often_rated_film as (
    select movie_id
    from ratings_per_film_and_year
    group by movie_id
    having sum(n_ratings) > 99
),

recount as (
    select
        'rating' as kind,
        cast(cast(rating * 10 as bigint) as varchar) as value_of_kind,
        rating_year,
        n_ratings,
        rating * n_ratings as sum_rating
    from ratings_per_star_and_year
    union all
    select
        'film' as kind,
        cast(rated.movie_id as varchar) as value_of_kind,
        rated.rating_year,
        rated.n_ratings,
        rated.sum_rating
    from ratings_per_film_and_year as rated
    inner join often_rated_film on rated.movie_id = often_rated_film.movie_id
    union all
    select
        'genre' as kind,
        film_genres.genre as value_of_kind,
        rated.rating_year,
        sum(rated.n_ratings) as n_ratings,
        sum(rated.sum_rating) as sum_rating
    from ratings_per_film_and_year as rated
    inner join {{ ref('mart_movie_genre') }} as film_genres on rated.movie_id = film_genres.movie_id
    group by film_genres.genre, rated.rating_year
),

published as (
    select
        'rating' as kind,
        cast(cast(rating * 10 as bigint) as varchar) as value_of_kind,
        rating_year,
        n_ratings,
        rating * n_ratings as sum_rating
    from {{ ref('mart_rating_value_year') }}
    union all
    select
        'film' as kind,
        cast(movie_id as varchar) as value_of_kind,
        rating_year,
        n_ratings,
        sum_rating
    from {{ ref('mart_movie_year') }}
    union all
    select
        'genre' as kind,
        genre as value_of_kind,
        rating_year,
        n_ratings,
        sum_rating
    from {{ ref('mart_genre_year') }}
)

{{ rows_that_differ(
    'published', 'recount', ['kind', 'value_of_kind', 'rating_year'], same=['n_ratings', 'sum_rating']
) }}
