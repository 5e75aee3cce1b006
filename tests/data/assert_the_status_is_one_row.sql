-- A returned row is the row count of mart_dataset_status, if it is not one.
select count(*) as n_rows
from {{ ref('mart_dataset_status') }}
having count(*) <> 1
