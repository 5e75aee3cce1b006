-- A returned row is a film liked together with itself, one that is not in the order of the scores, or
-- one that has other figures the other way round.
with neighbours as (
    select
        movie_id,
        other_movie_id,
        n_people,
        lift,
        score,
        rank,
        row_number() over (partition by movie_id order by score desc, other_movie_id asc) as place
    from {{ ref('mart_movie_liked_together') }}
)

select
    neighbours.movie_id,
    neighbours.other_movie_id
from neighbours
left join {{ ref('mart_movie_liked_together') }} as way_back
    on
        neighbours.movie_id = way_back.other_movie_id
        and neighbours.other_movie_id = way_back.movie_id
where
    neighbours.rank <> neighbours.place
    or neighbours.movie_id = neighbours.other_movie_id
    or neighbours.n_people <> way_back.n_people
    or neighbours.lift <> way_back.lift
    or neighbours.score <> way_back.score
    or abs(neighbours.score * (neighbours.n_people + 50) / (neighbours.lift * neighbours.n_people) - 1)
    > 0.000001
