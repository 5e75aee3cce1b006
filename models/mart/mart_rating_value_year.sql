with ratings_per_value_and_year as (
    select
        cast(extract(year from rated_at) as bigint) as rating_year,
        rating,
        cast(count(*) as bigint) as n_ratings
    from {{ ref('fct_ratings') }}
    group by extract(year from rated_at), rating
)

select * from ratings_per_value_and_year
order by rating_year, rating
