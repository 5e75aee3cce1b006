with current_files as (
    select * from {{ ref('src_files') }}
    where is_current
),

editions as (
    select distinct coalesce(edition, 'unknown') as edition
    from current_files
),

edition_names as (
    select
        coalesce({{ join_texts('edition', ', ') }}, 'none') as edition,
        count(case when edition = 'generated' then 1 end) > 0 as is_generated
    from editions
),

file_totals as (
    select
        {{ sha256_of("coalesce(" ~ join_texts("content_hash", "") ~ ", '')") }} as source_sha256,
        max(loaded_at) as loaded_at,
        count(*) as n_files,
        coalesce(sum(rows_rejected), 0) as n_rejected_rows
    from current_files
),

rating_totals as (
    select * from {{ ref('fct_rating_totals') }}
),

user_totals as (
    select
        count(case when n_ratings > 0 then 1 end) as n_users,
        count(case when n_tag_applications > 0 then 1 end) as n_tag_users,
        coalesce(sum(n_tag_applications), 0) as n_tag_applications
    from {{ ref('dim_users') }}
),

movie_totals as (
    select count(*) as n_movies
    from {{ ref('dim_movies') }}
    where not is_inferred
),

genome_totals as (
    select count(*) > 0 as has_genome
    from {{ ref('fct_genome_scores') }}
),

builds as (
    select * from {{ source('audit', 'builds') }}
)

select
    edition_names.edition,
    edition_names.is_generated,
    case
        when edition_names.edition = 'generated'
            then 'Made by the generator of this project: no person or opinion in it is real. Free to use.'
        when edition_names.edition = 'ml-20m'
            then
                'GroupLens terms of use (in the README of the edition): research use with acknowledgement, '
                || 'no redistribution without separate permission, no commercial use without permission, '
                || 'no endorsement implied.'
        else
            'GroupLens terms of use (in the README of the edition): research use with acknowledgement, '
            || 'redistribution under the same conditions only, no commercial use without permission, '
            || 'no endorsement implied.'
    end as licence,
    case
        when edition_names.edition = 'generated'
            then 'Generated data in the shape of MovieLens; nothing to cite.'
        else
            'F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. '
            || 'ACM Transactions on Interactive Intelligent Systems 5, 4: 19:1-19:19. '
            || 'https://doi.org/10.1145/2827872'
    end as citation,
    file_totals.source_sha256,
    builds.version as data_version,
    builds.git_sha,
    file_totals.loaded_at,
    cast(builds.built_at as timestamp) as built_at,
    rating_totals.first_rating_at,
    rating_totals.last_rating_at,
    cast(file_totals.n_files as bigint) as n_files,
    cast(file_totals.n_rejected_rows as bigint) as n_rejected_rows,
    cast(rating_totals.n_ratings as bigint) as n_ratings,
    cast(user_totals.n_users as bigint) as n_users,
    cast(movie_totals.n_movies as bigint) as n_movies,
    cast(rating_totals.n_rated_movies as bigint) as n_rated_movies,
    cast(user_totals.n_tag_applications as bigint) as n_tag_applications,
    cast(user_totals.n_tag_users as bigint) as n_tag_users,
    cast(rating_totals.sum_rating as double) as sum_rating,
    cast(rating_totals.prior_mean as double) as prior_mean,
    cast(rating_totals.prior_weight as bigint) as prior_weight,
    genome_totals.has_genome,
    cast(builds.tests_passed as bigint) as tests_passed,
    cast(builds.tests_warned as bigint) as tests_warned,
    cast(builds.tests_failed as bigint) as tests_failed
from edition_names
cross join file_totals
cross join rating_totals
cross join user_totals
cross join movie_totals
cross join genome_totals
cross join builds
