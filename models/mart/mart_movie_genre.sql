with movie_genres as (
    select * from {{ ref('dim_movie_genres') }}
)

select
    movie_id,
    genre
from movie_genres
order by movie_id, genre
