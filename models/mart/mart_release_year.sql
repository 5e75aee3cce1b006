with movies as (
    select * from {{ ref('mart_movie') }}
)

select
    release_year,
    cast(count(*) as bigint) as n_movies,
    cast(sum(n_ratings) as bigint) as n_ratings,
    cast(sum(sum_rating) as double) as sum_rating
from movies
where release_year is not null
group by release_year
order by release_year
