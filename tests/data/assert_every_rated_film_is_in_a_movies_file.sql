-- A returned row is a film that was rated and that no movies file describes: the source is not whole.
-- The film is kept, as an inferred one, so that this warns and does not fail.
{{ config(severity='warn') }}

select
    movie_id,
    n_ratings
from {{ ref('mart_movie') }}
where
    is_inferred
    and n_ratings > 0
