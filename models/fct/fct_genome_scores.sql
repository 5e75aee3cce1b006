{{ config(
    pre_hook="{{ delete_touched_keys('genome_scores') }}",
    post_hook=["{{ forget_files_seen() }}", "{{ remember_files_seen() }}"],
) }}

with genome_score as (
    {{ rows_to_add('genome_scores') }}
)

select
    movie_id,
    tag_id,
    relevance,
    _file_id
from genome_score
