with model_columns as (
    select * from {{ source('audit', 'model_columns') }}
)

select
    table_name,
    layer,
    cast(position as bigint) as position,
    column_name,
    data_type,
    description,
    tests
from model_columns
