-- A returned row is a tag whose people, films, uses, dates or ratings are not those of fct_tags and its
-- films, or that is spelled otherwise than most people do.
with spellings as (
    select
        tag_normalised,
        trim(tag) as spelling,
        count(distinct user_id) as n_people
    from {{ ref('fct_tags') }}
    where tag_normalised <> ''
    group by tag_normalised, trim(tag)
),

most_people as (
    select
        tag_normalised,
        max(n_people) as n_people
    from spellings
    group by tag_normalised
),

usual_spelling as (
    select
        spellings.tag_normalised,
        min(spellings.spelling) as tag
    from spellings
    inner join most_people
        on
            spellings.tag_normalised = most_people.tag_normalised
            and spellings.n_people = most_people.n_people
    group by spellings.tag_normalised
),

films_per_tag as (
    select
        uses.tag_normalised,
        count(*) as n_movies,
        sum(films.n_ratings) as n_ratings,
        sum(films.sum_rating) as sum_rating
    from (
        select
            tag_normalised,
            movie_id
        from {{ ref('fct_tags') }}
        group by tag_normalised, movie_id
    ) as uses
    inner join {{ ref('mart_movie') }} as films on uses.movie_id = films.movie_id
    group by uses.tag_normalised
),

uses_per_tag as (
    select
        tag_normalised,
        count(distinct user_id) as n_people,
        count(*) as n_applications,
        min(tagged_at) as first_used_at,
        max(tagged_at) as last_used_at
    from {{ ref('fct_tags') }}
    group by tag_normalised
),

people as (
    select count(distinct user_id) as n_people
    from {{ ref('fct_tags') }}
),

recount as (
    select
        usual_spelling.tag,
        {{ strip_accents('usual_spelling.tag_normalised') }} as tag_search,
        uses_per_tag.n_people,
        uses_per_tag.n_applications,
        films_per_tag.n_movies,
        films_per_tag.n_ratings,
        films_per_tag.sum_rating,
        uses_per_tag.first_used_at,
        uses_per_tag.last_used_at
    from uses_per_tag
    inner join usual_spelling on uses_per_tag.tag_normalised = usual_spelling.tag_normalised
    inner join films_per_tag on uses_per_tag.tag_normalised = films_per_tag.tag_normalised
    cross join people
    -- Once many people tag, a tag that few use could single them out.
    where
        people.n_people < 1000
        or uses_per_tag.n_people >= 5
)

{{ rows_that_differ(
    ref('mart_tag'), 'recount', ['tag'],
    same=[
        'tag_search', 'n_people', 'n_applications', 'n_movies', 'n_ratings', 'sum_rating',
        'first_used_at', 'last_used_at',
    ]
) }}
