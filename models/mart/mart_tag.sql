with tags as (
    select * from {{ ref('dim_tags') }}
),

movies as (
    select * from {{ ref('mart_movie') }}
),

tagged_movie as (
    select distinct
        tag_normalised,
        movie_id
    from {{ ref('fct_tags') }}
),

ratings_per_tag as (
    select
        tagged_movie.tag_normalised,
        sum(movies.n_ratings) as n_ratings,
        sum(movies.sum_rating) as sum_rating
    from tagged_movie
    inner join movies on tagged_movie.movie_id = movies.movie_id
    group by tagged_movie.tag_normalised
),

fewest_people as (
    select case when count(*) >= 1000 then 5 else 1 end as n_people
    from {{ ref('dim_users') }}
    where n_tag_applications > 0
),

shown_tag as (
    select
        tags.tag,
        tags.tag_search,
        cast(tags.n_people as bigint) as n_people,
        cast(tags.n_applications as bigint) as n_applications,
        cast(tags.n_movies as bigint) as n_movies,
        cast(ratings_per_tag.n_ratings as bigint) as n_ratings,
        cast(ratings_per_tag.sum_rating as double) as sum_rating,
        tags.first_used_at,
        tags.last_used_at
    from tags
    inner join ratings_per_tag on tags.tag_normalised = ratings_per_tag.tag_normalised
    cross join fewest_people
    where
        tags.n_people >= fewest_people.n_people
        and tags.tag_normalised <> ''
)

select * from shown_tag
order by n_people desc, tag asc
