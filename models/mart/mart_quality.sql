with test_results as (
    select * from {{ source('audit', 'test_results') }}
)

select
    test_name,
    model_name,
    column_name,
    description,
    kind,
    status,
    severity,
    cast(failures as bigint) as failures,
    cast(run_at as timestamp) as run_at
from test_results
