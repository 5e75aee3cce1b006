{#- A table, not a view: the snapshot of the manifest that the whole build uses. -#}
{{ config(materialized='table') }}

with manifest as (
    select * from {{ source('raw', '_files') }}
    {#- Others are loaded only if a setting asks for them, and no model reads them. #}
    where
        dataset in (
            {%- for dataset in raw_datasets() %}
            '{{ dataset }}'{{ ',' if not loop.last }}
            {%- endfor %}
        )
        {%- if var('as_of_file_id') is not none %}
        and file_id <= {{ var('as_of_file_id') }}
        {%- endif %}
),

latest_entry_per_path as (
    select
        manifest.path,
        max(manifest.file_id) as file_id
    from manifest
    group by manifest.path
),

marked_entry as (
    select
        manifest.file_id,
        manifest.path,
        manifest.dataset,
        manifest.version,
        manifest.bytes,
        manifest.rows_loaded,
        manifest.rows_rejected,
        manifest.load_id,
        manifest.content_hash,
        manifest.source,
        manifest.edition,
        latest_entry_per_path.file_id is not null and manifest.version is not null as is_current,
        {{ utc_timestamp('manifest.loaded_at') }} as loaded_at
    from manifest
    left join latest_entry_per_path on manifest.file_id = latest_entry_per_path.file_id
)

select * from marked_entry
