-- A returned row is a rated film whose rank does not come right after that of the film before it, or
-- which the film before it should not precede.
with ranked_film as (
    select
        movie_id,
        rank_weighted,
        weighted_score,
        n_ratings,
        row_number() over (order by rank_weighted asc, movie_id asc) as place,
        lag(weighted_score) over (order by rank_weighted asc, movie_id asc) as score_before,
        lag(n_ratings) over (order by rank_weighted asc, movie_id asc) as n_ratings_before,
        lag(movie_id) over (order by rank_weighted asc, movie_id asc) as movie_id_before
    from {{ ref('mart_movie') }}
    where
        n_ratings > 0
        or rank_weighted is not null
)

select *
from ranked_film
where
    rank_weighted is null
    or n_ratings = 0
    or rank_weighted <> place
    or weighted_score > score_before
    or (weighted_score = score_before and n_ratings > n_ratings_before)
    or (weighted_score = score_before and n_ratings = n_ratings_before and movie_id < movie_id_before)
