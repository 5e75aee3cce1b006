-- A returned row is a film whose shown tags are not in the order of their use, are counted wrongly, or
-- leave out one that more people use.
with shown as (
    select
        shown_tag.movie_id,
        shown_tag.tag,
        tags.tag_normalised,
        shown_tag.n_people,
        shown_tag.rank,
        row_number() over (
            partition by shown_tag.movie_id order by shown_tag.n_people desc, tags.tag_normalised asc
        ) as place
    from {{ ref('mart_movie_tag') }} as shown_tag
    left join {{ ref('dim_tags') }} as tags on shown_tag.tag = tags.tag
),

uses as (
    select
        movie_id,
        tag_normalised,
        count(distinct user_id) as n_people
    from {{ ref('fct_tags') }}
    where tag_normalised <> ''
    group by movie_id, tag_normalised
),

shown_per_film as (
    select
        movie_id,
        count(*) as n_shown,
        min(n_people) as fewest_people
    from shown
    group by movie_id
)

select uses.movie_id
from uses
left join shown_per_film on uses.movie_id = shown_per_film.movie_id
group by uses.movie_id, shown_per_film.n_shown, shown_per_film.fewest_people
having
    coalesce(shown_per_film.n_shown, 0) <> least(10, count(*))
    or count(case when uses.n_people > shown_per_film.fewest_people then 1 end) > shown_per_film.n_shown - 1
union all
select shown.movie_id
from shown
left join uses
    on
        shown.movie_id = uses.movie_id
        and shown.tag_normalised = uses.tag_normalised
where
    shown.rank <> shown.place
    or shown.n_people is distinct from uses.n_people
