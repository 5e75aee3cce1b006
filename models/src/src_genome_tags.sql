with latest_genome_tag as (
    {{ latest_rows('genome_tags') }}
)

select
    tag_id,
    tag,
    _file_id
from latest_genome_tag
