with ranked_tag as (
    select
        movie_id,
        tag_id,
        relevance,
        row_number() over (
            partition by movie_id
            order by relevance desc, tag_id asc
        ) as rank_in_movie
    from {{ ref('fct_genome_scores') }}
),

shown_tag as (
    select
        ranked_tag.movie_id,
        genome_tags.tag,
        ranked_tag.relevance,
        cast(ranked_tag.rank_in_movie as bigint) as rank
    from ranked_tag
    inner join {{ ref('dim_genome_tags') }} as genome_tags on ranked_tag.tag_id = genome_tags.tag_id
    where ranked_tag.rank_in_movie <= 10
)

select * from shown_tag
order by movie_id, rank
