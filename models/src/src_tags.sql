with latest_tag as (
    {{ latest_rows('tags') }}
)

select
    user_id,
    movie_id,
    tag,
    tagged_at,
    _file_id
from latest_tag
