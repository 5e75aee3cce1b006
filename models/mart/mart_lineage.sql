with model_edges as (
    select * from {{ source('audit', 'model_edges') }}
)

select
    from_name,
    from_layer,
    to_name,
    to_layer
from model_edges
