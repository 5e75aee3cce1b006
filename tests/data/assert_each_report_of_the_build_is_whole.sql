-- A returned row is a mart about the build that has more rows, or other figures, than the report it shows.
with totals as (
    select
        'mart_refused_file' as mart,
        (select count(*) from {{ ref('mart_refused_file') }}) as n_rows,
        (
            select coalesce(sum(bytes + {{ timestamp_to_epoch('refused_at') }}), 0)
            from {{ ref('mart_refused_file') }}
        ) as total,
        (select count(*) from {{ source('audit', 'refused_files') }}) as n_rows_reported,
        (
            select coalesce(sum(bytes + {{ timestamp_to_epoch('refused_at') }}), 0)
            from {{ source('audit', 'refused_files') }}
        ) as total_reported
    union all
    select
        'mart_quality' as mart,
        (select count(*) from {{ ref('mart_quality') }}) as n_rows,
        (
            select coalesce(sum(failures + {{ timestamp_to_epoch('run_at') }}), 0)
            from {{ ref('mart_quality') }}
        ) as total,
        (select count(*) from {{ source('audit', 'test_results') }}) as n_rows_reported,
        (
            select coalesce(sum(failures + {{ timestamp_to_epoch('run_at') }}), 0)
            from {{ source('audit', 'test_results') }}
        ) as total_reported
    union all
    select
        'mart_release_check' as mart,
        (select count(*) from {{ ref('mart_release_check') }}) as n_rows,
        (
            select coalesce(sum(expected + 2 * coalesce(loaded, 0) + 3 * coalesce(found, 0)), 0)
            from {{ ref('mart_release_check') }}
        ) as total,
        (select count(*) from {{ source('audit', 'release_checks') }}) as n_rows_reported,
        (
            select coalesce(sum(expected + 2 * coalesce(loaded, 0) + 3 * coalesce(found, 0)), 0)
            from {{ source('audit', 'release_checks') }}
        ) as total_reported
    union all
    select
        'mart_dictionary' as mart,
        (select count(*) from {{ ref('mart_dictionary') }}) as n_rows,
        (select coalesce(sum(position), 0) from {{ ref('mart_dictionary') }}) as total,
        (select count(*) from {{ source('audit', 'model_columns') }}) as n_rows_reported,
        (select coalesce(sum(position), 0) from {{ source('audit', 'model_columns') }}) as total_reported
    union all
    select
        'mart_previous_version' as mart,
        (select count(*) from {{ ref('mart_previous_version') }}) as n_rows,
        (select coalesce(sum(n_ratings + 2 * n_movies), 0) from {{ ref('mart_previous_version') }}) as total,
        (select count(*) from {{ source('audit', 'seen_versions') }}) as n_rows_reported,
        (
            select coalesce(sum(n_ratings + 2 * n_movies), 0)
            from {{ source('audit', 'seen_versions') }}
        ) as total_reported
    union all
    select
        'mart_previous_top_film' as mart,
        (select count(*) from {{ ref('mart_previous_top_film') }}) as n_rows,
        (select coalesce(sum(n_ratings * rank_weighted), 0) from {{ ref('mart_previous_top_film') }}) as total,
        (select count(*) from {{ source('audit', 'seen_top_films') }}) as n_rows_reported,
        (
            select coalesce(sum(n_ratings * rank_weighted), 0)
            from {{ source('audit', 'seen_top_films') }}
        ) as total_reported
    union all
    select
        'mart_tested_table' as mart,
        (select count(*) from {{ ref('mart_tested_table') }}) as n_rows,
        (select count(distinct table_name) from {{ ref('mart_tested_table') }}) as total,
        (select count(*) from {{ source('audit', 'tested_tables') }}) as n_rows_reported,
        (
            select count(distinct table_name)
            from {{ source('audit', 'tested_tables') }}
        ) as total_reported
)

select *
from totals
where
    n_rows <> n_rows_reported
    or total <> total_reported
