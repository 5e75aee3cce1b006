-- A returned row is a film whose yearly ratings do not add up to its ratings, or one with 100
-- ratings but no years.
with years_together as (
    select
        movie_id,
        sum(n_ratings) as n_ratings,
        sum(sum_rating) as sum_rating
    from {{ ref('mart_movie_year') }}
    group by movie_id
)

select
    films.movie_id,
    films.n_ratings,
    years_together.n_ratings as n_ratings_of_years
from {{ ref('mart_movie') }} as films
left join years_together on films.movie_id = years_together.movie_id
where
    films.n_ratings >= 100
    and (
        films.n_ratings <> coalesce(years_together.n_ratings, 0)
        or films.sum_rating <> coalesce(years_together.sum_rating, 0)
    )
