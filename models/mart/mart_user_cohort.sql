{%- set widths = [1, 3, 5] -%}

with users as (
    select
        user_id,
        cast(extract(year from first_rated_at) as bigint) as first_year
    from {{ ref('dim_users') }}
    where first_rated_at is not null
),

users_per_first_year as (
    select
        first_year,
        count(*) as n_users
    from users
    group by first_year
),

merged_first_year as (
    select
        first_year,
        {{ merged_with_enough_people('first_year', 'n_users') }} as merged_year
    from users_per_first_year
),

-- Years are merged before they are pooled: a cohort is made of whole groups of enough people.
group_of_years as (
    select
        merged_year,
        min(first_year) as start_year,
        max(first_year) as last_year
    from merged_first_year
    group by merged_year
),

ratings_per_user_and_year as (
    select
        user_id,
        cast(extract(year from rated_at) as bigint) as rating_year,
        count(*) as n_ratings
    from {{ ref('fct_ratings') }}
    group by user_id, cast(extract(year from rated_at) as bigint)
),

active_user as (
    select
        merged_first_year.merged_year,
        active.user_id,
        active.rating_year - users.first_year as years_since,
        active.n_ratings
    from ratings_per_user_and_year as active
    inner join users on active.user_id = users.user_id
    inner join merged_first_year on users.first_year = merged_first_year.first_year
),

pooled_at_each_width as (
    {% for width in widths %}
    select
        {{ width }} as width,
        merged_year,
        start_year,
        last_year,
        floor((start_year - min(start_year) over ()) / {{ width }}.0) as pool
    from group_of_years
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

users_per_cell_at_each_width as (
    select
        pooled.width,
        pooled.pool,
        active_user.years_since,
        count(*) as n_users
    from active_user
    inner join pooled_at_each_width as pooled on active_user.merged_year = pooled.merged_year
    group by pooled.width, pooled.pool, active_user.years_since
),

later_cells_per_width as (
    select
        width,
        count(case when years_since > 0 then 1 end) as n_cells,
        count(case when years_since > 0 and n_users < {{ var('fewest_people') }} then 1 end) as n_small_cells
    from users_per_cell_at_each_width
    group by width
),

-- The narrowest at which at most a third of the cells are too small to be shown on their own.
chosen_width as (
    select coalesce(min(case when 3 * n_small_cells <= n_cells then width end), max(width)) as width
    from later_cells_per_width
),

cohort_of_group as (
    select
        pooled.merged_year,
        min(pooled.start_year) over (partition by pooled.pool) as cohort_year,
        max(pooled.last_year) over (partition by pooled.pool) as last_cohort_year
    from pooled_at_each_width as pooled
    inner join chosen_width on pooled.width = chosen_width.width
),

active_user_of_cohort as (
    select
        cohorts.cohort_year,
        cohorts.last_cohort_year,
        active_user.user_id,
        active_user.years_since,
        active_user.n_ratings
    from active_user
    inner join cohort_of_group as cohorts on active_user.merged_year = cohorts.merged_year
),

users_per_cohort_and_year as (
    select
        cohort_year,
        years_since,
        count(*) as n_users
    from active_user_of_cohort
    group by cohort_year, years_since
),

merged_years_since as (
    select
        cohort_year,
        years_since,
        {{ merged_with_enough_people('years_since', 'n_users', 'cohort_year') }} as merged_years
    from users_per_cohort_and_year
),

activity_per_cohort as (
    select
        active.cohort_year,
        active.last_cohort_year,
        merged.merged_years as years_since,
        cast(count(distinct active.user_id) as bigint) as n_users_active,
        cast(sum(active.n_ratings) as bigint) as n_ratings
    from active_user_of_cohort as active
    inner join merged_years_since as merged
        on
            active.cohort_year = merged.cohort_year
            and active.years_since = merged.years_since
    group by active.cohort_year, active.last_cohort_year, merged.merged_years
)

select
    cohort_year,
    last_cohort_year,
    years_since,
    cast(
        lead(years_since) over (partition by cohort_year order by years_since) - 1 as bigint
    ) as last_years_since,
    n_users_active,
    n_ratings
from activity_per_cohort
order by cohort_year, years_since
