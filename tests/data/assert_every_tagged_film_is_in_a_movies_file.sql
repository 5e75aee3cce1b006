-- A returned row is a tagged film that no movies file lists: the source is incomplete.
{{ config(severity='warn') }}

select distinct movies.movie_id
from {{ ref('dim_movies') }} as movies
inner join {{ ref('fct_tags') }} as tags on movies.movie_id = tags.movie_id
where movies.is_inferred
