-- A returned row is a release year whose figures are not those of its films.
with recount as (
    select
        movies.release_year,
        count(*) as n_movies,
        sum(films.n_ratings) as n_ratings,
        sum(films.sum_rating) as sum_rating
    from {{ ref('dim_movies') }} as movies
    inner join {{ ref('mart_movie') }} as films on movies.movie_id = films.movie_id
    where movies.release_year is not null
    group by movies.release_year
)

{{ rows_that_differ(
    ref('mart_release_year'), 'recount', ['release_year'], same=['n_movies', 'n_ratings', 'sum_rating']
) }}
