-- A returned row is a current file that the pages show otherwise than the manifest records it, or one
-- they should not show.
with entries as (
    select
        manifest.*,
        row_number() over (partition by manifest.path order by manifest.file_id desc) as place
    from {{ source('raw', '_files') }} as manifest
    inner join {{ ref('src_files') }} as snapshot on manifest.file_id = snapshot.file_id
),

recount as (
    select
        path,
        dataset,
        coalesce(edition, 'unknown') as edition,
        bytes,
        rows_loaded,
        rows_rejected,
        content_hash,
        load_id,
        {{ timestamp_to_epoch(utc_timestamp('loaded_at')) }} as loaded_at
    from entries
    where
        place = 1
        and version is not null
),

published as (
    select
        path,
        dataset,
        edition,
        bytes,
        rows_loaded,
        rows_rejected,
        content_hash,
        load_id,
        {{ timestamp_to_epoch('loaded_at') }} as loaded_at
    from {{ ref('mart_source_file') }}
)

{{ rows_that_differ(
    'published', 'recount', ['path'],
    same=[
        'dataset', 'edition', 'bytes', 'rows_loaded', 'rows_rejected', 'content_hash', 'load_id', 'loaded_at',
    ]
) }}
