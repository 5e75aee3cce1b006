-- A returned row is a number of rows in mart_dataset_status that is not one.
select count(*) as n_rows
from {{ ref('mart_dataset_status') }}
having count(*) <> 1
