with movies as (
    select * from {{ ref('dim_movies') }}
),

rating_totals as (
    select * from {{ ref('fct_rating_totals') }}
),

genres_per_movie as (
    select
        movie_id,
        {{ join_texts('genre', ', ') }} as genres_text
    from {{ ref('dim_movie_genres') }}
    group by movie_id
),

-- Group by film and star first: counting every star over all ratings takes four times as long.
ratings_per_movie_and_star as (
    select
        movie_id,
        rating,
        count(*) as n_ratings,
        min(rated_at) as first_rated_at,
        max(rated_at) as last_rated_at
    from {{ ref('fct_ratings') }}
    group by movie_id, rating
),

ratings_per_movie as (
    select
        movie_id,
        cast(sum(n_ratings) as bigint) as n_ratings,
        sum(rating * n_ratings) as sum_rating,
        sum(rating * rating * n_ratings) as sum_rating_squared,
        sum(case when rating >= 4 then n_ratings else 0 end) as n_high,
        sum(case when rating <= 2 then n_ratings else 0 end) as n_low,
        {%- for halves in range(1, 11) %}
        sum(case when rating = {{ halves / 2 }} then n_ratings end) as h{{ '%02d' % (halves * 5) }},
        {%- endfor %}
        min(first_rated_at) as first_rated_at,
        max(last_rated_at) as last_rated_at
    from ratings_per_movie_and_star
    group by movie_id
),

scored_movie as (
    select
        ratings_per_movie.*,
        (rating_totals.prior_weight * rating_totals.prior_mean + ratings_per_movie.sum_rating)
        / (rating_totals.prior_weight + ratings_per_movie.n_ratings) as weighted_score
    from ratings_per_movie
    cross join rating_totals
),

ranked_movie as (
    select
        scored_movie.*,
        row_number() over (
            order by scored_movie.weighted_score desc, scored_movie.n_ratings desc, scored_movie.movie_id asc
        ) as rank_weighted
    from scored_movie
),

film as (
    select
        movies.movie_id,
        movies.title,
        {{ strip_accents('lower(movies.title)') }} as title_search,
        movies.release_year,
        genres_per_movie.genres_text,
        movies.is_inferred,
        cast(coalesce(ranked.n_ratings, 0) as bigint) as n_ratings,
        cast(coalesce(ranked.sum_rating, 0) as double) as sum_rating,
        cast(
            {{ sample_sd('ranked.n_ratings', 'ranked.sum_rating', 'ranked.sum_rating_squared') }} as double
        ) as sd_rating,
        cast(ranked.weighted_score as double) as weighted_score,
        cast(ranked.n_high as double) / ranked.n_ratings as share_high,
        cast(ranked.n_low as double) / ranked.n_ratings as share_low,
        {%- for halves in range(1, 11) %}
        cast(coalesce(ranked.h{{ '%02d' % (halves * 5) }}, 0) as bigint) as h{{ '%02d' % (halves * 5) }},
        {%- endfor %}
        ranked.first_rated_at,
        ranked.last_rated_at,
        movies.imdb_url,
        movies.tmdb_url,
        cast(ranked.rank_weighted as bigint) as rank_weighted
    from movies
    left join ranked_movie as ranked on movies.movie_id = ranked.movie_id
    left join genres_per_movie on movies.movie_id = genres_per_movie.movie_id
)

select * from film
order by movie_id
