-- A returned row is a film, link or genome tag of which src_ does not have the newest current row; of
-- two in one file, the last in the order of their values.
with current_files as (
    select file_id
    from {{ ref('src_files') }}
    where is_current
),

rows_in_raw as (
    select
        'movies' as dataset,
        movie_id as key_of_row,
        coalesce(title, '') || ' | ' || coalesce(genres, '') as values_of_row,
        title as value_a,
        genres as value_b,
        _file_id
    from {{ source('raw', 'movies') }}
    union all
    select
        'links' as dataset,
        movie_id as key_of_row,
        coalesce(imdb_id, '') || ' | ' || coalesce(cast(tmdb_id as varchar), '') as values_of_row,
        imdb_id as value_a,
        cast(tmdb_id as varchar) as value_b,
        _file_id
    from {{ source('raw', 'links') }}
    union all
    select
        'genome_tags' as dataset,
        tag_id as key_of_row,
        coalesce(tag, '') as values_of_row,
        tag as value_a,
        null as value_b,
        _file_id
    from {{ source('raw', 'genome_tags') }}
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
        max(rows_in_raw.value_a) as value_a,
        count(*) as n_rows
    from rows_in_raw
    inner join newest_file
        on
            rows_in_raw.dataset = newest_file.dataset
            and rows_in_raw.key_of_row = newest_file.key_of_row
            and rows_in_raw._file_id = newest_file._file_id
    group by rows_in_raw.dataset, rows_in_raw.key_of_row, rows_in_raw._file_id
),

shown as (
    select
        'movies' as dataset,
        movie_id as key_of_row,
        coalesce(title, '') || ' | ' || coalesce(genres, '') as values_of_row,
        title as value_a,
        _file_id
    from {{ ref('src_movies') }}
    union all
    select
        'links' as dataset,
        movie_id as key_of_row,
        coalesce(imdb_id, '') || ' | ' || coalesce(cast(tmdb_id as varchar), '') as values_of_row,
        imdb_id as value_a,
        _file_id
    from {{ ref('src_links') }}
    union all
    select
        'genome_tags' as dataset,
        tag_id as key_of_row,
        coalesce(tag, '') as values_of_row,
        tag as value_a,
        _file_id
    from {{ ref('src_genome_tags') }}
),

shown_row as (
    select
        shown.dataset,
        shown.key_of_row,
        shown._file_id,
        shown.value_a,
        count(rows_in_raw._file_id) > 0 as is_in_raw
    from shown
    left join rows_in_raw
        on
            shown.dataset = rows_in_raw.dataset
            and shown.key_of_row = rows_in_raw.key_of_row
            and shown._file_id = rows_in_raw._file_id
            and shown.values_of_row = rows_in_raw.values_of_row
    group by shown.dataset, shown.key_of_row, shown._file_id, shown.value_a
),

newest as (
    select
        dataset,
        key_of_row,
        _file_id,
        value_a,
        true as is_in_raw
    from newest_row
)

{{ rows_that_differ(
    'shown_row', 'newest', ['dataset', 'key_of_row'], same=['_file_id', 'value_a', 'is_in_raw']
) }}
