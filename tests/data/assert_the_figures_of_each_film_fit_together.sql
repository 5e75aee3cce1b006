-- A returned row is a film whose shares, deviation or score do not follow from its histogram and from
-- the totals of all ratings, or an unrated one that has any.
with films as (
    select
        movies.*,
        movies.sum_rating / nullif(movies.n_ratings, 0) as mean_rating,
        0
        {%- for halves in range(1, 11) %}
        + movies.h{{ '%02d' % (halves * 5) }}
        {%- endfor %} as n_in_histogram,
        0
        {%- for halves in range(1, 11) %}
        + {{ halves / 2 }} * movies.h{{ '%02d' % (halves * 5) }}
        {%- endfor %} as sum_of_histogram
    from {{ ref('mart_movie') }} as movies
),

totals as (
    select
        sum_rating / nullif(n_ratings, 0) as mean_of_all,
        greatest(25, round(n_ratings / nullif(n_rated_movies, 0))) as ratings_per_film
    from {{ ref('mart_dataset_status') }}
),

recount as (
    select
        films.movie_id,
        films.n_in_histogram as n_ratings,
        films.sum_of_histogram as sum_rating,
        (films.h40 + films.h45 + films.h50) / nullif(films.n_ratings, 0) as share_high,
        (films.h05 + films.h10 + films.h15 + films.h20) / nullif(films.n_ratings, 0) as share_low,
        sqrt((
            0
            {%- for halves in range(1, 11) %}
            + films.h{{ '%02d' % (halves * 5) }} * power({{ halves / 2 }} - films.mean_rating, 2)
            {%- endfor %}
        ) / case when films.n_ratings > 1 then films.n_ratings - 1 end) as sd_rating,
        case
            when films.n_ratings > 0
                then
                    totals.mean_of_all
                    + (films.mean_rating - totals.mean_of_all)
                    * films.n_ratings / nullif(films.n_ratings + totals.ratings_per_film, 0)
        end as weighted_score
    from films
    cross join totals
)

{{ rows_that_differ(
    ref('mart_movie'), 'recount', ['movie_id'],
    same=['n_ratings', 'sum_rating'], close=['share_high', 'share_low', 'sd_rating', 'weighted_score']
) }}
