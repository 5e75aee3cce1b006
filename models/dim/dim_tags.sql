with tag_applications as (
    select * from {{ ref('fct_tags') }}
),

people_per_spelling as (
    select
        tag_normalised,
        trim(tag) as spelling,
        count(distinct user_id) as n_people
    from tag_applications
    group by tag_normalised, trim(tag)
),

preferred_spelling as (
    select
        tag_normalised,
        spelling
    from people_per_spelling
    qualify row_number() over (partition by tag_normalised order by n_people desc, spelling asc) = 1
),

use_per_tag as (
    select
        tag_normalised,
        count(distinct user_id) as n_people,
        count(distinct movie_id) as n_movies,
        count(*) as n_applications,
        min(tagged_at) as first_used_at,
        max(tagged_at) as last_used_at
    from tag_applications
    group by tag_normalised
)

select
    use_per_tag.tag_normalised,
    preferred_spelling.spelling as tag,
    {{ strip_accents('use_per_tag.tag_normalised') }} as tag_search,
    use_per_tag.n_people,
    use_per_tag.n_movies,
    use_per_tag.n_applications,
    use_per_tag.first_used_at,
    use_per_tag.last_used_at
from use_per_tag
inner join preferred_spelling on use_per_tag.tag_normalised = preferred_spelling.tag_normalised
