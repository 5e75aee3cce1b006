-- A returned row is a mart about the build that has more rows, or other figures, than the report it shows.
{%- set reports = {
    'mart_refused_file': ('refused_files', 'sum(bytes + ' ~ timestamp_to_epoch('refused_at') ~ ')'),
    'mart_quality': ('test_results', 'sum(failures + ' ~ timestamp_to_epoch('run_at') ~ ')'),
    'mart_release_check': (
        'release_checks', 'sum(expected + 2 * coalesce(loaded, 0) + 3 * coalesce(found, 0))'
    ),
    'mart_dictionary': ('model_columns', 'sum(position)'),
    'mart_previous_version': ('seen_versions', 'sum(n_ratings + 2 * n_movies)'),
    'mart_previous_top_film': ('seen_top_films', 'sum(n_ratings * rank_weighted)'),
    'mart_tested_table': ('tested_tables', 'count(distinct table_name)')
} %}
with totals as (
    {%- for mart, (report, total) in reports.items() %}
    select
        '{{ mart }}' as mart,
        (select count(*) from {{ ref(mart) }}) as n_rows,
        (select coalesce({{ total }}, 0) from {{ ref(mart) }}) as total,
        (select count(*) from {{ source('audit', report) }}) as n_rows_reported,
        (select coalesce({{ total }}, 0) from {{ source('audit', report) }}) as total_reported
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select *
from totals
where
    n_rows <> n_rows_reported
    or total <> total_reported
