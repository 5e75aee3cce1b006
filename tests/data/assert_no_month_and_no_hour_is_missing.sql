-- A returned row is a month without the one before it, or a number of hours in the week that is not 168.
with months as (
    select month
    from {{ ref('mart_rating_month') }}
),

first_month as (
    select min(month) as month
    from months
),

last_rating as (
    select max(last_rated_at) as rated_at
    from {{ ref('mart_movie') }}
)

select 'no month before ' || cast(months.month as varchar) as gap
from months
cross join first_month
left join months as months_before on {{ add_months('months.month', -1) }} = months_before.month
where
    months.month > first_month.month
    and months_before.month is null
union all
select 'a month after the last rating: ' || cast(max(months.month) as varchar) as gap
from months
cross join last_rating
having max(months.month) > max(last_rating.rated_at)
union all
select 'hours in the week: ' || cast(count(*) as varchar) as gap
from {{ ref('mart_weekday_hour') }}
having count(*) <> 168
