with people_per_movie_and_tag as (
    select
        movie_id,
        tag_normalised,
        count(distinct user_id) as n_people
    from {{ ref('fct_tags') }}
    where tag_normalised <> ''
    group by movie_id, tag_normalised
),

ranked_tag as (
    select
        movie_id,
        tag_normalised,
        n_people,
        row_number() over (
            partition by movie_id
            order by n_people desc, tag_normalised asc
        ) as rank_in_movie
    from people_per_movie_and_tag
),

shown_tag as (
    select
        ranked_tag.movie_id,
        tags.tag,
        cast(ranked_tag.n_people as bigint) as n_people,
        cast(ranked_tag.rank_in_movie as bigint) as rank
    from ranked_tag
    inner join {{ ref('dim_tags') }} as tags on ranked_tag.tag_normalised = tags.tag_normalised
    where ranked_tag.rank_in_movie <= 10
)

select * from shown_tag
order by movie_id, rank
