with scores as (
    select * from {{ ref('fct_genome_scores') }}
),

mean_per_tag as (
    select
        tag_id,
        -- Rounded here and below, so that the order of summation does not change the result.
        round(avg(relevance), 9) as mean_relevance
    from scores
    group by tag_id
),

-- What distinguishes a film: the tags that fit it better than the average film.
distinctive_tag as (
    select
        scores.movie_id,
        scores.tag_id,
        scores.relevance - mean_per_tag.mean_relevance as distinction,
        row_number() over (
            partition by scores.movie_id
            order by scores.relevance - mean_per_tag.mean_relevance desc, scores.tag_id asc
        ) as rank_in_movie
    from scores
    inner join mean_per_tag on scores.tag_id = mean_per_tag.tag_id
    where scores.relevance > mean_per_tag.mean_relevance
),

profile as (
    select
        movie_id,
        tag_id,
        rank_in_movie,
        -- Scaled to length 1, so that the products below sum to the cosine.
        round(distinction / sqrt(sum(distinction * distinction) over (partition by movie_id)), 9) as weight
    from distinctive_tag
    where rank_in_movie <= 50
),

-- The caps bound the work: a tag pairs at most 300 films, however many there are.
strong_tag as (
    select
        movie_id,
        tag_id,
        weight
    from profile
    where rank_in_movie <= 15
    qualify row_number() over (partition by tag_id order by weight desc, movie_id asc) <= 300
),

pair as (
    select
        one.movie_id as movie_id_a,
        other.movie_id as movie_id_b,
        round(sum(one.weight * other.weight), 6) as likeness
    from strong_tag as one
    inner join strong_tag as other
        on
            one.tag_id = other.tag_id
            and one.movie_id < other.movie_id
    group by one.movie_id, other.movie_id
    having count(*) >= 2
),

pair_both_ways as (
    select
        movie_id_a as movie_id,
        movie_id_b as similar_movie_id,
        likeness
    from pair
    union all
    select
        movie_id_b as movie_id,
        movie_id_a as similar_movie_id,
        likeness
    from pair
),

candidate as (
    select
        movie_id,
        similar_movie_id
    from pair_both_ways
    qualify row_number() over (partition by movie_id order by likeness desc, similar_movie_id asc) <= 50
),

scored_candidate as (
    select
        candidate.movie_id,
        candidate.similar_movie_id,
        round(sum(one.weight * other.weight), 6) as score
    from candidate
    inner join profile as one on candidate.movie_id = one.movie_id
    inner join profile as other
        on
            candidate.similar_movie_id = other.movie_id
            and one.tag_id = other.tag_id
    group by candidate.movie_id, candidate.similar_movie_id
),

ranked_candidate as (
    select
        movie_id,
        similar_movie_id,
        cast(score as double) as score,
        cast(
            row_number() over (partition by movie_id order by score desc, similar_movie_id asc) as bigint
        ) as rank
    from scored_candidate
)

select * from ranked_candidate
where rank <= 10
order by movie_id, rank
