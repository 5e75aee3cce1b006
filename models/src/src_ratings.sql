with latest_rating as (
    {{ latest_rows('ratings') }}
)

select
    user_id,
    movie_id,
    rating,
    rated_at,
    _file_id
from latest_rating
