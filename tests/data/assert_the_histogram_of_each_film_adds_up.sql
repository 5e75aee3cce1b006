-- A returned row is a film whose histogram does not add up to its ratings or its stars.
with films as (
    select
        movie_id,
        n_ratings,
        sum_rating,
        0
        {%- for halves in range(1, 11) %}
        + h{{ '%02d' % (halves * 5) }}
        {%- endfor %} as n_in_histogram,
        0
        {%- for halves in range(1, 11) %}
        + {{ halves / 2 }} * h{{ '%02d' % (halves * 5) }}
        {%- endfor %} as sum_of_histogram
    from {{ ref('mart_movie') }}
)

select *
from films
where
    n_in_histogram <> n_ratings
    or sum_of_histogram <> sum_rating
