with current_files as (
    select * from {{ ref('src_files') }}
    where is_current
)

select
    path,
    dataset,
    coalesce(edition, 'unknown') as edition,
    cast(bytes as bigint) as bytes,
    cast(rows_loaded as bigint) as rows_loaded,
    cast(rows_rejected as bigint) as rows_rejected,
    content_hash,
    load_id,
    loaded_at
from current_files
order by dataset, path
