-- A returned row is a genre whose yearly ratings do not add up to its ratings.
with years_together as (
    select
        genre,
        sum(n_ratings) as n_ratings,
        sum(sum_rating) as sum_rating
    from {{ ref('mart_genre_year') }}
    group by genre
)

select
    genres.genre,
    genres.n_ratings,
    years_together.n_ratings as n_ratings_of_years
from {{ ref('mart_genre') }} as genres
left join years_together on genres.genre = years_together.genre
where
    genres.n_ratings <> coalesce(years_together.n_ratings, 0)
    or genres.sum_rating <> coalesce(years_together.sum_rating, 0)
