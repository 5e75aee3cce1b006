with latest_genome_score as (
    {{ latest_rows('genome_scores') }}
)

select
    movie_id,
    tag_id,
    relevance,
    _file_id
from latest_genome_score
