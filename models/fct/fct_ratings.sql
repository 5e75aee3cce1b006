{{ config(
    pre_hook="{{ delete_touched_keys('ratings') }}",
    post_hook=["{{ forget_files_seen() }}", "{{ remember_files_seen() }}"],
) }}

with rating as (
    {{ rows_to_add('ratings') }}
)

select
    user_id,
    movie_id,
    rating,
    rated_at,
    _file_id
from rating
