with latest_movie as (
    {{ latest_rows('movies') }}
)

select
    movie_id,
    title,
    genres,
    _file_id
from latest_movie
