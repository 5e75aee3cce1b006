-- A returned row is a current file whose rows in RAW are not those loaded from it.
with rows_in_raw as (
    {%- for dataset in raw_datasets() %}
    select
        _file_id as file_id,
        count(*) as n_rows
    from {{ source('raw', dataset) }}
    group by _file_id
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    files.path,
    files.rows_loaded,
    coalesce(rows_in_raw.n_rows, 0) as n_rows_in_raw
from {{ ref('src_files') }} as files
left join rows_in_raw on files.file_id = rows_in_raw.file_id
where
    files.is_current
    and files.rows_loaded <> coalesce(rows_in_raw.n_rows, 0)
