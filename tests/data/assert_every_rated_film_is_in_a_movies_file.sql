-- A returned row is a rated film that no movies file lists: the source is incomplete. The film is kept
-- as an inferred one, so this only warns.
{{ config(severity='warn') }}

select
    movie_id,
    n_ratings
from {{ ref('mart_movie') }}
where
    is_inferred
    and n_ratings > 0
