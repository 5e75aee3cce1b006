-- A returned row is a figure of mart_dataset_status that differs from a recount.
with facts as (
    select
        count(*) as n_ratings,
        count(distinct user_id) as n_users,
        count(distinct movie_id) as n_rated_movies,
        coalesce(sum(rating), 0) as sum_rating
    from {{ ref('fct_ratings') }}
),

tags as (
    select
        count(*) as n_tag_applications,
        count(distinct user_id) as n_tag_users
    from {{ ref('fct_tags') }}
),

files as (
    select count(*) as n_files
    from {{ ref('src_files') }}
    where is_current
),

movies as (
    select count(*) as n_movies
    from {{ ref('src_movies') }}
)

select status.*
from {{ ref('mart_dataset_status') }} as status
cross join facts
cross join tags
cross join files
cross join movies
where
    status.n_ratings <> facts.n_ratings
    or status.n_users <> facts.n_users
    or status.n_rated_movies <> facts.n_rated_movies
    or status.sum_rating <> facts.sum_rating
    or status.n_tag_applications <> tags.n_tag_applications
    or status.n_tag_users <> tags.n_tag_users
    or status.n_files <> files.n_files
    or status.n_movies <> movies.n_movies
