{{ config(
    pre_hook="{{ delete_touched_keys('tags') }}",
    post_hook=["{{ forget_files_seen() }}", "{{ remember_files_seen() }}"],
) }}

with tag_application as (
    {{ rows_to_add('tags') }}
)

select
    user_id,
    movie_id,
    tag,
    {{ normalised_tag('tag') }} as tag_normalised,
    tagged_at,
    _file_id
from tag_application
