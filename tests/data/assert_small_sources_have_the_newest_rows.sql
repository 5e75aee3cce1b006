-- A returned row is a film, link or genome tag of which src_ does not have the newest current row; of
-- two in one file, the one with the last title, IMDb id or tag.
{%- set datasets = [
    ('movies', 'movie_id', 'title', 'genres'),
    ('links', 'movie_id', 'imdb_id', 'tmdb_id'),
    ('genome_tags', 'tag_id', 'tag', 'tag_id'),
] %}
with current_files as (
    select file_id
    from {{ ref('src_files') }}
    where is_current
),

rows_in_raw as (
    {%- for dataset, key, value, other_value in datasets %}
    select
        '{{ dataset }}' as dataset,
        {{ key }} as key_of_row,
        {{ value }} as value_of_row,
        cast({{ other_value }} as varchar) as other_value,
        _file_id
    from {{ source('raw', dataset) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

shown as (
    {%- for dataset, key, value, other_value in datasets %}
    select
        '{{ dataset }}' as dataset,
        {{ key }} as key_of_row,
        {{ value }} as value_of_row,
        cast({{ other_value }} as varchar) as other_value,
        _file_id
    from {{ ref('src_' ~ dataset) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

newest_file as (
    select
        rows_in_raw.dataset,
        rows_in_raw.key_of_row,
        max(rows_in_raw._file_id) as _file_id
    from rows_in_raw
    inner join current_files on rows_in_raw._file_id = current_files.file_id
    group by rows_in_raw.dataset, rows_in_raw.key_of_row
),

newest_row as (
    select
        rows_in_raw.dataset,
        rows_in_raw.key_of_row,
        rows_in_raw._file_id,
        max(rows_in_raw.value_of_row) as value_of_row,
        true as is_in_raw
    from rows_in_raw
    inner join newest_file
        on
            rows_in_raw.dataset = newest_file.dataset
            and rows_in_raw.key_of_row = newest_file.key_of_row
            and rows_in_raw._file_id = newest_file._file_id
    group by rows_in_raw.dataset, rows_in_raw.key_of_row, rows_in_raw._file_id
),

shown_row as (
    select
        shown.dataset,
        shown.key_of_row,
        shown._file_id,
        shown.value_of_row,
        count(rows_in_raw._file_id) > 0 as is_in_raw
    from shown
    left join rows_in_raw
        on
            shown.dataset = rows_in_raw.dataset
            and shown.key_of_row = rows_in_raw.key_of_row
            and shown._file_id = rows_in_raw._file_id
            and shown.value_of_row is not distinct from rows_in_raw.value_of_row
            and shown.other_value is not distinct from rows_in_raw.other_value
    group by shown.dataset, shown.key_of_row, shown._file_id, shown.value_of_row
)

{{ rows_that_differ(
    'shown_row', 'newest_row', ['dataset', 'key_of_row'], same=['_file_id', 'value_of_row', 'is_in_raw']
) }}
