-- A returned row is a film whose similar films are not in the order of their scores, are itself, or
-- score otherwise the other way round.
with neighbours as (
    select
        movie_id,
        similar_movie_id,
        score,
        rank,
        row_number() over (
            partition by movie_id order by score desc, similar_movie_id asc
        ) as place
    from {{ ref('mart_movie_similar') }}
)

select
    neighbours.movie_id,
    neighbours.similar_movie_id
from neighbours
left join {{ ref('mart_movie_similar') }} as way_back
    on
        neighbours.movie_id = way_back.similar_movie_id
        and neighbours.similar_movie_id = way_back.movie_id
where
    neighbours.rank <> neighbours.place
    or neighbours.movie_id = neighbours.similar_movie_id
    or {{ far_apart('neighbours.score', 'coalesce(way_back.score, neighbours.score)') }}
