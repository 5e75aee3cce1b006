-- Deshpande and Karypis (2004), https://doi.org/10.1145/963770.963776, item-based top-N from baskets,
-- normalised in full by how often a film is in one (alpha = 1, the lift), so that popular films are not
-- everybody's neighbours. Few people prove little: shrunk by n / (n + 50), Herlocker et al. (1999),
-- https://doi.org/10.1145/312624.312682, in the smooth form of Koren (2008),
-- https://doi.org/10.1145/1401890.1401944.
with liked as (
    select
        user_id,
        movie_id,
        rating,
        rated_at
    from {{ ref('fct_ratings') }}
    where rating >= 4
),

-- No pair with another film has 20 people: it would only take a place in their baskets.
liked_by_enough as (
    select movie_id
    from liked
    group by movie_id
    having count(*) >= 20
),

-- The cap bounds the work: a person makes at most 1,225 pairs, however many there are.
favourite as (
    select
        liked.user_id,
        liked.movie_id
    from liked
    inner join liked_by_enough on liked.movie_id = liked_by_enough.movie_id
    qualify
        row_number() over (
            partition by liked.user_id
            order by liked.rating desc, liked.rated_at desc, liked.movie_id asc
        ) <= 50
),

-- As above: most films that are left are among few people's favourites.
people_per_movie as (
    select
        movie_id,
        count(*) as n_people
    from favourite
    group by movie_id
    having count(*) >= 20
),

everybody as (
    select count(distinct user_id) as n_people
    from favourite
),

frequent_favourite as (
    select
        favourite.user_id,
        favourite.movie_id
    from favourite
    inner join people_per_movie on favourite.movie_id = people_per_movie.movie_id
),

pair as (
    select
        one.movie_id as movie_id_a,
        other.movie_id as movie_id_b,
        count(*) as n_people
    from frequent_favourite as one
    inner join frequent_favourite as other
        on
            one.user_id = other.user_id
            and one.movie_id < other.movie_id
    group by one.movie_id, other.movie_id
    having count(*) >= 20
),

-- Quotients of whole numbers, so that engines agree to the last digit and ties are ties.
scored_pair as (
    select
        pair.movie_id_a,
        pair.movie_id_b,
        pair.n_people,
        cast(pair.n_people * everybody.n_people as double)
        / cast(a.n_people * b.n_people as double) as lift,
        cast(pair.n_people * pair.n_people * everybody.n_people as double)
        / cast(a.n_people * b.n_people * (pair.n_people + 50) as double) as score
    from pair
    inner join people_per_movie as a on pair.movie_id_a = a.movie_id
    inner join people_per_movie as b on pair.movie_id_b = b.movie_id
    cross join everybody
    -- More than chance would give.
    where pair.n_people * everybody.n_people > a.n_people * b.n_people
),

pair_both_ways as (
    select
        movie_id_a as movie_id,
        movie_id_b as other_movie_id,
        n_people,
        lift,
        score
    from scored_pair
    union all
    select
        movie_id_b as movie_id,
        movie_id_a as other_movie_id,
        n_people,
        lift,
        score
    from scored_pair
),

ranked_pair as (
    select
        movie_id,
        other_movie_id,
        cast(n_people as bigint) as n_people,
        lift,
        score,
        cast(
            row_number() over (partition by movie_id order by score desc, other_movie_id asc) as bigint
        ) as rank
    from pair_both_ways
)

select * from ranked_pair
where rank <= 10
order by movie_id, rank
