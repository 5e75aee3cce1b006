-- A returned row is a figure of mart_dataset_status that differs from a recount.
with facts as (
    select
        count(*) as n_ratings,
        count(distinct user_id) as n_users,
        count(distinct movie_id) as n_rated_movies,
        coalesce(sum(rating), 0) as sum_rating,
        min(rated_at) as first_rating_at,
        max(rated_at) as last_rating_at
    from {{ ref('fct_ratings') }}
),

tags as (
    select
        count(*) as n_tag_applications,
        count(distinct user_id) as n_tag_users
    from {{ ref('fct_tags') }}
),

files as (
    select
        count(*) as n_files,
        coalesce(sum(rows_rejected), 0) as n_rejected_rows,
        max(loaded_at) as loaded_at,
        count(case when edition = 'generated' then 1 end) as n_generated,
        min(coalesce(edition, 'unknown')) as first_edition,
        max(coalesce(edition, 'unknown')) as last_edition,
        {{ sha256_of("coalesce(" ~ join_texts("content_hash", "") ~ ", '')") }} as source_sha256
    from {{ ref('src_files') }}
    where is_current
),

movies as (
    select count(*) as n_movies
    from {{ ref('src_movies') }}
),

genome as (
    select count(*) as n_scores
    from {{ ref('fct_genome_scores') }}
),

builds as (
    select * from {{ source('audit', 'builds') }}
)

select status.*
from {{ ref('mart_dataset_status') }} as status
cross join facts
cross join tags
cross join files
cross join movies
cross join genome
cross join builds
where
    status.n_ratings <> facts.n_ratings
    or status.n_users <> facts.n_users
    or status.n_rated_movies <> facts.n_rated_movies
    or status.sum_rating <> facts.sum_rating
    or status.n_tag_applications <> tags.n_tag_applications
    or status.n_tag_users <> tags.n_tag_users
    or status.n_files <> files.n_files
    or status.n_movies <> movies.n_movies
    or status.n_rejected_rows <> files.n_rejected_rows
    or status.loaded_at is distinct from files.loaded_at
    or status.is_generated <> (files.n_generated > 0)
    or status.has_genome <> (genome.n_scores > 0)
    or status.first_rating_at is distinct from facts.first_rating_at
    or status.last_rating_at is distinct from facts.last_rating_at
    or {{ far_apart('status.prior_mean', 'facts.sum_rating / nullif(facts.n_ratings, 0)') }}
    or status.prior_weight <> greatest(
        25, coalesce(round(facts.n_ratings / nullif(facts.n_rated_movies, 0)), 0)
    )
    or status.data_version is distinct from builds.version
    or status.git_sha is distinct from builds.git_sha
    or status.tests_passed <> builds.tests_passed
    or status.tests_warned <> builds.tests_warned
    or status.tests_failed <> builds.tests_failed
    or status.built_at is distinct from cast(builds.built_at as timestamp)
    or status.source_sha256 <> files.source_sha256
    or status.edition not like files.first_edition || '%'
    or status.edition not like '%' || files.last_edition
    or status.edition is null
    or (status.edition = 'generated') <> (status.licence like 'Made by the generator%')
    or (status.edition = 'generated') <> (status.citation like 'Generated data%')
    or (status.edition <> 'generated' and status.licence not like 'GroupLens terms of use%')
    or (status.edition = 'ml-20m') <> (status.licence like '%no redistribution%')
    or (status.edition <> 'generated' and status.citation not like 'F. Maxwell Harper%10.1145/2827872')
