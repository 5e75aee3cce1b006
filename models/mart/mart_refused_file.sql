with refused_files as (
    select * from {{ source('audit', 'refused_files') }}
)

select
    path,
    dataset,
    cast(bytes as bigint) as bytes,
    cast(refused_at as timestamp) as refused_at
from refused_files
