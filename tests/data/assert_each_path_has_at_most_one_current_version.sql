-- A returned row is a path with two current versions, or a current one though it was removed.
select
    path,
    count(*) as n_current,
    count(version) as n_present
from {{ ref('src_files') }}
where is_current
group by path
having
    count(*) > 1
    or count(version) < count(*)
