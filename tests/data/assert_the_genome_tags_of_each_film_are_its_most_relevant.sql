-- A returned row is a film whose shown genome tags are not in the order of their relevance, have
-- another one, or leave out one that is more relevant; of equal ones, the smaller id comes first.
with shown as (
    select
        shown_tag.movie_id,
        shown_tag.tag,
        shown_tag.relevance,
        shown_tag.rank,
        row_number() over (
            partition by shown_tag.movie_id order by shown_tag.relevance desc, shown_tag.rank asc
        ) as place
    from {{ ref('mart_movie_genome_tag') }} as shown_tag
),

shown_per_film as (
    select
        movie_id,
        count(*) as n_shown,
        min(relevance) as least_relevance
    from shown
    group by movie_id
),

scored_tag as (
    select tag_id
    from {{ ref('fct_genome_scores') }}
    group by tag_id
),

named_tag as (
    select
        scored_tag.tag_id,
        coalesce(names.tag, 'Genome tag ' || cast(scored_tag.tag_id as varchar)) as tag
    from scored_tag
    left join {{ ref('src_genome_tags') }} as names on scored_tag.tag_id = names.tag_id
),

-- Once each, as a wrong mart may show a tag many times.
shown_once as (
    select
        movie_id,
        tag
    from shown
    group by movie_id, tag
),

named_score as (
    select
        scores.movie_id,
        scores.tag_id,
        scores.relevance,
        shown_once.tag
    from shown_once
    inner join named_tag on shown_once.tag = named_tag.tag
    inner join {{ ref('fct_genome_scores') }} as scores
        on
            shown_once.movie_id = scores.movie_id
            and named_tag.tag_id = scores.tag_id
),

-- A name may be that of several tags.
shown_with_id as (
    select
        shown.movie_id,
        shown.rank,
        shown.place,
        min(named_score.tag_id) as first_id,
        max(named_score.tag_id) as last_id,
        min(shown.relevance) as relevance
    from shown
    left join named_score
        on
            shown.movie_id = named_score.movie_id
            and shown.tag = named_score.tag
            and shown.relevance = named_score.relevance
    group by shown.movie_id, shown.rank, shown.place
)

select scores.movie_id
from {{ ref('fct_genome_scores') }} as scores
left join shown_per_film on scores.movie_id = shown_per_film.movie_id
group by scores.movie_id
having
    coalesce(max(shown_per_film.n_shown), 0) <> least(10, count(*))
    or count(case when scores.relevance > shown_per_film.least_relevance then 1 end)
    > max(shown_per_film.n_shown) - 1
union all
select shown.movie_id
from shown_with_id as shown
left join shown_with_id as before
    on
        shown.movie_id = before.movie_id
        and shown.rank = before.rank + 1
        and shown.relevance = before.relevance
where
    shown.first_id is null
    or shown.rank <> shown.place
    or shown.last_id < before.first_id
