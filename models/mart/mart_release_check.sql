with release_checks as (
    select * from {{ source('audit', 'release_checks') }}
)

select
    check_name,
    kind,
    cast(expected as bigint) as expected,
    cast(loaded as bigint) as loaded,
    cast(found as bigint) as found,
    outcome,
    description
from release_checks
