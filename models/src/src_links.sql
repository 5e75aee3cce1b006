with latest_link as (
    {{ latest_rows('links') }}
)

select
    movie_id,
    imdb_id,
    tmdb_id,
    _file_id
from latest_link
