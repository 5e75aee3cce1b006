-- A returned row is a film whose ratings, stars, squares of stars, or first or last date are not those
-- of fct_ratings. Squares are those of the histogram.
with recount as (
    select
        movie_id,
        count(*) as n_ratings,
        sum(rating) as sum_rating,
        sum(rating * rating) as sum_of_squares,
        min(rated_at) as first_rated_at,
        max(rated_at) as last_rated_at
    from {{ ref('fct_ratings') }}
    group by movie_id
),

rated_film as (
    select
        movie_id,
        n_ratings,
        sum_rating,
        0
        {%- for halves in range(1, 11) %}
        + {{ halves * halves / 4 }} * h{{ '%02d' % (halves * 5) }}
        {%- endfor %} as sum_of_squares,
        first_rated_at,
        last_rated_at
    from {{ ref('mart_movie') }}
    where n_ratings > 0
)

{{ rows_that_differ(
    'rated_film', 'recount', ['movie_id'],
    same=['n_ratings', 'sum_rating', 'sum_of_squares', 'first_rated_at', 'last_rated_at']
) }}
