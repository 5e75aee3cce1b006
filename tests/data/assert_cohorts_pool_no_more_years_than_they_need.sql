-- A returned row is a cohort of other years than it should have, or one that is missing: cohorts are
-- of the fewest years, 1, 3 or 5, that leave at most a third of the counts after the first year too small to
-- be shown on their own. A cohort never splits years that were merged because too few people joined in them.
with people as (
    select distinct
        users.user_id,
        extract(year from users.first_rated_at) as first_year,
        extract(year from ratings.rated_at) - extract(year from users.first_rated_at) as years_since
    from {{ ref('fct_ratings') }} as ratings
    inner join {{ ref('dim_users') }} as users on ratings.user_id = users.user_id
),

people_per_pair_of_years as (
    select
        first_year,
        years_since,
        count(*) as n_people
    from people
    group by first_year, years_since
),

years_of_enough_people as (
    select first_year
    from people_per_pair_of_years
    where years_since = 0 and n_people >= {{ var('fewest_people') }}
),

bounds as (
    select
        (select min(people.first_year) from people) as first_year,
        (select min(enough.first_year) from years_of_enough_people as enough) as first_of_enough
),

-- Each of them begins a group; years before the first are in the first group.
beginning as (
    select bounds.first_year
    from bounds
    union
    select enough.first_year
    from years_of_enough_people as enough
    cross join bounds
    where enough.first_year > bounds.first_of_enough
),

beginning_of_year as (
    select
        people.first_year,
        max(beginning.first_year) - min(beginning.first_year) as years_from_first
    from people
    inner join beginning on people.first_year >= beginning.first_year
    group by people.first_year
),

width as (
    select 1 as n_years
    union all
    select 3 as n_years
    union all
    select 5 as n_years
),

pooled as (
    select
        width.n_years,
        years.first_year,
        years.years_from_first - mod(years.years_from_first, width.n_years) as pool
    from beginning_of_year as years
    cross join width
),

people_per_cell as (
    select
        pooled.n_years,
        pooled.pool,
        people.years_since,
        sum(people.n_people) as n_people
    from pooled
    inner join people_per_pair_of_years as people on pooled.first_year = people.first_year
    group by pooled.n_years, pooled.pool, people.years_since
),

too_narrow as (
    select n_years
    from people_per_cell
    where years_since > 0
    group by n_years
    having avg(case when n_people < {{ var('fewest_people') }} then 3.0 else 0.0 end) > 1
),

chosen as (
    select coalesce(min(case when too_narrow.n_years is null then width.n_years end), 5) as n_years
    from width
    left join too_narrow on width.n_years = too_narrow.n_years
),

recount as (
    select
        min(pooled.first_year) as cohort_year,
        max(pooled.first_year) as last_cohort_year
    from pooled
    inner join chosen on pooled.n_years = chosen.n_years
    group by pooled.pool
),

published as (
    select distinct
        cohort_year,
        last_cohort_year
    from {{ ref('mart_user_cohort') }}
)

{{ rows_that_differ('published', 'recount', ['cohort_year'], same=['last_cohort_year']) }}
