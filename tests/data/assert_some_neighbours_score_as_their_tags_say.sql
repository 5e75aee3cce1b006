-- A returned row is a pair of similar films, of the first twenty films, whose score is not the cosine of
-- their profiles: the 50 tags in which each is furthest above the mean of all films; or that does not
-- have two of the 15 strongest tags in common.
with mean_per_tag as (
    select
        tag_id,
        round(sum(relevance) / count(*), 9) as relevance
    from {{ ref('fct_genome_scores') }}
    group by tag_id
),

first_films as (
    select movie_id
    from {{ ref('mart_movie_similar') }}
    group by movie_id
    order by movie_id
    limit 20
),

pairs as (
    select
        neighbours.movie_id,
        neighbours.similar_movie_id,
        neighbours.score
    from {{ ref('mart_movie_similar') }} as neighbours
    inner join first_films on neighbours.movie_id = first_films.movie_id
),

films_of_pairs as (
    select movie_id
    from pairs
    union
    select similar_movie_id as movie_id
    from pairs
),

distinctions as (
    select
        scores.movie_id,
        scores.tag_id,
        scores.relevance - mean_per_tag.relevance as distinction,
        row_number() over (
            partition by scores.movie_id
            order by scores.relevance - mean_per_tag.relevance desc, scores.tag_id asc
        ) as place
    from {{ ref('fct_genome_scores') }} as scores
    inner join films_of_pairs on scores.movie_id = films_of_pairs.movie_id
    inner join mean_per_tag on scores.tag_id = mean_per_tag.tag_id
),

profiles as (
    select *
    from distinctions
    where
        place < 51
        and distinction > 0
),

lengths as (
    select
        movie_id,
        sqrt(sum(distinction * distinction)) as length_of_profile
    from profiles
    group by movie_id
),

products as (
    select
        pairs.movie_id,
        pairs.similar_movie_id,
        sum(one.distinction * other.distinction) as product,
        count(case when one.place < 16 and other.place < 16 then 1 end) as n_strong_in_common
    from pairs
    inner join profiles as one on pairs.movie_id = one.movie_id
    inner join profiles as other
        on
            pairs.similar_movie_id = other.movie_id
            and one.tag_id = other.tag_id
    group by pairs.movie_id, pairs.similar_movie_id
)

select
    pairs.movie_id,
    pairs.similar_movie_id,
    pairs.score
from pairs
inner join lengths as one_length on pairs.movie_id = one_length.movie_id
inner join lengths as other_length on pairs.similar_movie_id = other_length.movie_id
left join products
    on
        pairs.movie_id = products.movie_id
        and pairs.similar_movie_id = products.similar_movie_id
where
    coalesce(products.n_strong_in_common, 0) < 2
    or abs(
        pairs.score
        - coalesce(products.product, 0) / one_length.length_of_profile / other_length.length_of_profile
    ) > 0.00001
