-- A returned row is a highest rank that differs from the number of rated films.
with ranks as (
    select
        count(*) as n_rated,
        coalesce(max(rank_weighted), 0) as last_rank
    from {{ ref('mart_movie') }}
    where n_ratings > 0
)

select *
from ranks
where last_rank <> n_rated
