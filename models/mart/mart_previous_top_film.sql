with seen_top_films as (
    select * from {{ source('audit', 'seen_top_films') }}
)

select
    cast(movie_id as bigint) as movie_id,
    title,
    cast(release_year as bigint) as release_year,
    cast(n_ratings as bigint) as n_ratings,
    cast(weighted_score as double) as weighted_score,
    cast(rank_weighted as bigint) as rank_weighted
from seen_top_films
order by rank_weighted
