with movies as (
    select * from {{ ref('mart_movie') }}
),

movie_genres as (
    select * from {{ ref('dim_movie_genres') }}
),

ratings_per_genre as (
    select
        movie_genres.genre,
        count(*) as n_movies,
        sum(movies.n_ratings) as n_ratings,
        sum(movies.sum_rating) as sum_rating,
        sum(
            0
            {%- for halves in range(1, 11) %}
            + {{ halves * halves / 4 }} * movies.h{{ '%02d' % (halves * 5) }}
            {%- endfor %}
        ) as sum_rating_squared,
        sum(movies.h40 + movies.h45 + movies.h50) as n_high,
        sum(movies.h05 + movies.h10 + movies.h15 + movies.h20) as n_low
    from movie_genres
    inner join movies on movie_genres.movie_id = movies.movie_id
    group by movie_genres.genre
)

select
    genre,
    cast(n_movies as bigint) as n_movies,
    cast(n_ratings as bigint) as n_ratings,
    cast(sum_rating as double) as sum_rating,
    cast({{ sample_sd('n_ratings', 'sum_rating', 'sum_rating_squared') }} as double) as sd_rating,
    cast(n_high as double) / nullif(n_ratings, 0) as share_high,
    cast(n_low as double) / nullif(n_ratings, 0) as share_low
from ratings_per_genre
order by genre
