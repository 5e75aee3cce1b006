with tested_tables as (
    select * from {{ source('audit', 'tested_tables') }}
)

select
    test_name,
    model_name,
    table_name,
    layer
from tested_tables
