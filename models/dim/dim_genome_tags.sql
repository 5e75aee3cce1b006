with genome_tags as (
    select * from {{ ref('src_genome_tags') }}
),

ids_in_use as (
    select tag_id from genome_tags
    union
    select tag_id from {{ ref('fct_genome_scores') }}
)

select
    ids_in_use.tag_id,
    coalesce(genome_tags.tag, 'Genome tag ' || cast(ids_in_use.tag_id as varchar)) as tag,
    genome_tags.tag_id is null as is_inferred
from ids_in_use
left join genome_tags on ids_in_use.tag_id = genome_tags.tag_id
