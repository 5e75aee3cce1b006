-- A returned row is a film liked together with one of the first ten, shown and not recounted, recounted
-- and not shown, or with other figures.
with enough as (
    select movie_id
    from {{ ref('fct_ratings') }}
    group by movie_id
    having sum(case when rating > 3.5 then 1 else 0 end) > 19
),

ordered as (
    select
        ratings.user_id,
        ratings.movie_id,
        row_number() over (
            partition by ratings.user_id
            order by ratings.rating desc, ratings.rated_at desc, ratings.movie_id asc
        ) as place
    from {{ ref('fct_ratings') }} as ratings
    inner join enough on ratings.movie_id = enough.movie_id
    where ratings.rating > 3.5
),

favourites as (
    select
        user_id,
        movie_id
    from ordered
    where place < 51
),

films as (
    select
        movie_id,
        count(*) as n_people
    from favourites
    group by movie_id
),

first_films as (
    select
        movie_id,
        n_people
    from films
    order by movie_id
    limit 10
),

everybody as (
    select count(distinct user_id) as n_people
    from ordered
),

counted as (
    select
        first_films.movie_id,
        first_films.n_people as n_people_of_film,
        other.movie_id as other_movie_id,
        count(*) as n_people
    from first_films
    inner join favourites as one on first_films.movie_id = one.movie_id
    inner join favourites as other
        on
            one.user_id = other.user_id
            and one.movie_id <> other.movie_id
    group by first_films.movie_id, first_films.n_people, other.movie_id
    having count(*) > 19
),

scored as (
    select
        counted.movie_id,
        counted.other_movie_id,
        counted.n_people,
        cast(counted.n_people * everybody.n_people as double)
        / cast(counted.n_people_of_film * films.n_people as double) as lift,
        cast(counted.n_people * counted.n_people * everybody.n_people as double)
        / cast(counted.n_people_of_film * films.n_people * (50 + counted.n_people) as double) as score
    from counted
    inner join films on counted.other_movie_id = films.movie_id
    cross join everybody
    where counted.n_people_of_film * films.n_people < counted.n_people * everybody.n_people
),

ranked as (
    select
        movie_id,
        other_movie_id,
        n_people,
        lift,
        row_number() over (partition by movie_id order by score desc, other_movie_id asc) as rank
    from scored
),

recounted as (
    select * from ranked
    where rank < 11
),

shown as (
    select marts.*
    from {{ ref('mart_movie_liked_together') }} as marts
    inner join first_films on marts.movie_id = first_films.movie_id
)

select
    coalesce(shown.movie_id, recounted.movie_id) as movie_id,
    coalesce(shown.other_movie_id, recounted.other_movie_id) as other_movie_id,
    shown.n_people,
    recounted.n_people as n_people_recounted
from shown
full outer join recounted
    on
        shown.movie_id = recounted.movie_id
        and shown.other_movie_id = recounted.other_movie_id
where
    shown.movie_id is null
    or recounted.movie_id is null
    or shown.n_people <> recounted.n_people
    or shown.rank <> recounted.rank
    or abs(shown.lift / recounted.lift - 1) > 0.000001
