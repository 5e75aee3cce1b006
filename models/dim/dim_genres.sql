with movie_genres as (
    select * from {{ ref('dim_movie_genres') }}
)

select
    genre,
    count(*) as n_movies
from movie_genres
group by genre
