-- The marts of the dashboard's tests, computed from the tables movies, ratings, tags, links,
-- relevance and build. Filled by name into tables that are made from models/mart/*.yml. Without rows
-- here: mart_dictionary, which follows from these files, mart_release_check and mart_refused_file. A
-- mart that is not named in this file gets three rows of plausible values.

create temp table rated as
select ratings.*, year(rated_at) as rating_year from ratings;

create temp table film_genres as
select movie_id, unnest(string_split(genres, '|')) as genre
from movies
where genres <> '(no genres listed)';

create temp table totals as
select
    count(*) as n_ratings, coalesce(sum(rating), 0) as sum_rating, avg(rating) as prior_mean,
    greatest(25, round(count(*) / greatest(count(distinct movie_id), 1)))::bigint as prior_weight
from rated;

insert into mart_dataset_status by name
select
    edition, is_generated, 'Research use; redistribution under the same conditions.' as licence,
    'F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context.'
    || ' ACM Transactions on Interactive Intelligent Systems 5, 4: 19:1-19:19.'
    || ' https://doi.org/10.1145/2827872' as citation,
    repeat('0123456789abcdef', 4) as source_sha256, version as data_version,
    '0123abc' as git_sha, built_at - interval 5 minute as loaded_at, built_at,
    (select min(rated_at) from rated) as first_rating_at,
    (select max(rated_at) from rated) as last_rating_at,
    4 as n_files, 0 as n_rejected_rows, n_ratings,
    (select count(distinct user_id) from rated) as n_users,
    (select count(*) from movies where not is_inferred) as n_movies,
    (select count(distinct movie_id) from rated) as n_rated_movies,
    (select count(*) from tags) as n_tag_applications,
    (select count(distinct user_id) from tags) as n_tag_users,
    sum_rating, prior_mean, prior_weight, (select count(*) > 0 from relevance) as has_genome,
    2 as tests_passed, 1 as tests_warned, 0 as tests_failed
from build, totals;

insert into mart_rating_month by name
with months as (
    select unnest(generate_series(
        date_trunc('month', min(rated_at)), date_trunc('month', max(rated_at)), interval 1 month
    ))::date as month
    from rated
),
counted as (
    select
        months.month, count(rated.rating) as n_ratings,
        coalesce(sum(rated.rating), 0) as sum_rating, count(distinct rated.user_id) as n
    from months
    left join rated on date_trunc('month', rated.rated_at) = months.month
    group by months.month
)
select
    month, n_ratings, sum_rating, case when n = 0 or n >= 5 then n end as n_users,
    month in ((select min(month) from months), (select max(month) from months)) as is_partial
from counted;

insert into mart_rating_value_year by name
select rating_year, rating, count(*) as n_ratings from rated group by 1, 2;

insert into mart_release_year by name
select
    release_year, count(distinct movies.movie_id) as n_movies, count(rating) as n_ratings,
    coalesce(sum(rating), 0) as sum_rating
from movies left join rated using (movie_id)
where release_year is not null
group by 1;

insert into mart_genre by name
select
    genre, count(distinct movie_id) as n_movies, count(rating) as n_ratings,
    coalesce(sum(rating), 0) as sum_rating, stddev_samp(rating) as sd_rating,
    avg((rating >= 4)::int) filter (rating is not null) as share_high,
    avg((rating <= 2)::int) filter (rating is not null) as share_low
from film_genres left join rated using (movie_id)
group by 1;

insert into mart_genre_year by name
select genre, rating_year, count(*) as n_ratings, sum(rating) as sum_rating
from film_genres inner join rated using (movie_id)
group by 1, 2;

insert into mart_genre_decade by name
select
    genre, release_year - release_year % 10 as release_decade,
    count(distinct movie_id) as n_movies, count(rating) as n_ratings,
    coalesce(sum(rating), 0) as sum_rating
from film_genres inner join movies using (movie_id) left join rated using (movie_id)
where release_year is not null
group by 1, 2;

insert into mart_genre_pair by name
select
    a.genre as genre_a, b.genre as genre_b, count(distinct a.movie_id) as n_movies,
    count(rating) as n_ratings, coalesce(sum(rating), 0) as sum_rating
from film_genres as a
inner join film_genres as b on a.movie_id = b.movie_id and a.genre < b.genre
left join rated on a.movie_id = rated.movie_id
group by 1, 2;

insert into mart_weekday_hour by name
with slots as (
    select weekday, hour
    from range(1, 8) as weekdays (weekday), range(0, 24) as hours (hour)
)
select slots.weekday, slots.hour, count(rating) as n_ratings
from slots
left join rated on isodow(rated_at) = slots.weekday and hour(rated_at) = slots.hour
group by 1, 2;

-- Nearly all have the same number of ratings and one year of them: here these are made up, and
-- add up to the people and the ratings.
insert into mart_user_activity by name
select * from (values
    (3, 1, 15, 22, 171), (4, 16, 31, 12, 150), (5, 32, null, 6, 250)
) as buckets (bucket, lo, hi, n_users, n_ratings);

insert into mart_user_cohort by name
select * from (values
    (1995, 1996, 0, 0, 15, 211), (1995, 1996, 1, 1, 9, 60), (1995, 1996, 2, null, 7, 40),
    (1997, 1997, 0, 0, 13, 130), (1997, 1997, 1, null, 5, 30), (2001, 2001, 0, 0, 12, 80),
    (2001, 2001, 1, 1, 6, 10), (2001, 2001, 2, 3, 6, 6), (2001, 2001, 4, null, 5, 4)
) as cells (cohort_year, last_cohort_year, years_since, last_years_since, n_users_active, n_ratings);

insert into mart_source_file by name
select
    dataset || '.csv' as path, dataset, build.edition, 1000 as bytes, n as rows_loaded,
    0 as rows_rejected, sha256(dataset) as content_hash, '1795447084.872397' as load_id,
    build.built_at - interval 5 minute as loaded_at
from build, (values ('ratings', 571), ('movies', 20), ('tags', 120), ('links', 19)) as f (dataset, n);

create temp table films as
select
    movies.movie_id, title, lower(strip_accents(title)) as title_search, release_year,
    nullif(replace(array_to_string(list_sort(string_split(genres, '|')), ', '),
        '(no genres listed)', ''), '') as genres_text,
    is_inferred, count(rating) as n_ratings, coalesce(sum(rating), 0) as sum_rating,
    stddev_samp(rating) as sd_rating,
    case when count(rating) > 0 then
        (any_value(prior_weight) * any_value(prior_mean) + sum(rating))
        / (any_value(prior_weight) + count(rating))
    end as weighted_score,
    avg((rating >= 4)::int) filter (rating is not null) as share_high,
    avg((rating <= 2)::int) filter (rating is not null) as share_low,
    count(*) filter (rating = 0.5) as h05, count(*) filter (rating = 1) as h10,
    count(*) filter (rating = 1.5) as h15, count(*) filter (rating = 2) as h20,
    count(*) filter (rating = 2.5) as h25, count(*) filter (rating = 3) as h30,
    count(*) filter (rating = 3.5) as h35, count(*) filter (rating = 4) as h40,
    count(*) filter (rating = 4.5) as h45, count(*) filter (rating = 5) as h50,
    min(rated_at) as first_rated_at, max(rated_at) as last_rated_at,
    'https://www.imdb.com/title/tt' || any_value(imdb_id) || '/' as imdb_url,
    'https://www.themoviedb.org/movie/' || any_value(tmdb_id) as tmdb_url
from movies
left join rated using (movie_id)
left join links using (movie_id)
cross join totals
group by movies.movie_id, title, release_year, genres, is_inferred;

insert into mart_movie by name
select
    *,
    case when n_ratings > 0 then row_number() over (
        order by weighted_score desc nulls last, n_ratings desc, movie_id
    ) end as rank_weighted
from films;

insert into mart_movie_genre by name select movie_id, genre from film_genres;

-- From 25 ratings here, not 100: nothing in so small a set has more.
insert into mart_movie_year by name
select movie_id, rating_year, count(*) as n_ratings, sum(rating) as sum_rating
from rated
where movie_id in (select movie_id from films where n_ratings >= 25)
group by 1, 2;

insert into mart_movie_tag by name
with counted as (
    select movie_id, mode(tag) as tag, lower(tag) as plain, count(distinct user_id) as n_people
    from tags group by movie_id, lower(tag)
)
select
    movie_id, tag, n_people,
    row_number() over (partition by movie_id order by n_people desc, plain) as rank
from counted
qualify rank <= 10;

insert into mart_tag by name
with tagged as (select distinct lower(tag) as plain, movie_id from tags),
scores as (
    select plain, count(rating) as n_ratings, coalesce(sum(rating), 0) as sum_rating
    from tagged left join rated using (movie_id) group by 1
)
select
    mode(tag) as tag, strip_accents(plain) as tag_search, count(distinct user_id) as n_people,
    count(*) as n_applications, count(distinct movie_id) as n_movies,
    any_value(n_ratings) as n_ratings, any_value(sum_rating) as sum_rating,
    min(tagged_at) as first_used_at, max(tagged_at) as last_used_at
from tags inner join scores on lower(tags.tag) = scores.plain
group by plain;

insert into mart_movie_genome_tag by name
select
    movie_id, tag, relevance,
    row_number() over (partition by movie_id order by relevance desc, tag) as rank
from relevance
qualify rank <= 10;

-- From 5 people here, not 20: few of the 40 like the same films.
insert into mart_movie_liked_together by name
with liked as (select user_id, movie_id from rated where rating >= 4),
people as (select movie_id, count(*) as n from liked group by 1),
pairs as (
    select
        a.movie_id, b.movie_id as other_movie_id, count(*) as n_people,
        count(*) * (select count(distinct user_id) from liked)
            / any_value(people.n) / any_value(others.n) as lift
    from liked as a
    inner join liked as b on a.user_id = b.user_id and a.movie_id <> b.movie_id
    inner join people on a.movie_id = people.movie_id
    inner join people as others on b.movie_id = others.movie_id
    group by 1, 2
    having count(*) >= 5
)
select
    *, lift * n_people / (n_people + 50) as score,
    row_number() over (partition by movie_id order by score desc, other_movie_id) as rank
from pairs
qualify rank <= 10;

insert into mart_movie_similar by name
with lists as (select movie_id, list(relevance order by tag) as v from relevance group by 1)
select
    a.movie_id, b.movie_id as similar_movie_id, list_cosine_similarity(a.v, b.v) as score,
    row_number() over (
        partition by a.movie_id order by list_cosine_similarity(a.v, b.v) desc, b.movie_id
    ) as rank
from lists as a inner join lists as b on a.movie_id <> b.movie_id
qualify rank <= 10;

insert into mart_quality by name
select
    test_name, model_name, column_name, description, 'data test' as kind, status,
    'error' as severity, failures, built_at as run_at
from build, (values
    ('not_null_mart_genre_genre', 'mart_genre', 'genre', 'genre is never null', 'pass', 0),
    ('unique_mart_genre_genre', 'mart_genre', 'genre', 'genre is unique', 'pass', 0),
    ('counts_match_readme', 'mart_dataset_status', null, 'counts are those of the README', 'warn', 3)
) as tests (test_name, model_name, column_name, description, status, failures);

insert into mart_tested_table by name
select * from (values
    ('not_null_mart_genre_genre', 'mart_genre', 'mart_genre', 'mart'),
    ('unique_mart_genre_genre', 'mart_genre', 'mart_genre', 'mart'),
    ('counts_match_readme', 'mart_dataset_status', 'mart_dataset_status', 'mart'),
    ('counts_match_readme', 'mart_dataset_status', 'fct_ratings', 'fct'),
    ('counts_match_readme', 'mart_dataset_status', 'mart_genre', 'mart')
) as tested (test_name, model_name, table_name, layer);

insert into mart_column_lineage by name
select * from (values
    ('raw.movies', 'genres', 'dim_movie_genres', 'genre', ''),
    ('dim_movie_genres', 'genre', 'mart_genre', 'genre', ''),
    ('raw.ratings', 'rating', 'src_ratings', 'rating', ''),
    ('src_ratings', 'rating', 'fct_ratings', 'rating', ''),
    ('fct_ratings', 'rating', 'mart_genre', 'sum_rating', 'sum'),
    ('fct_ratings', '*', 'mart_genre', 'n_ratings', 'count'),
    ('fct_ratings', '*', 'mart_genre', 'sd_rating', 'count, sum'),
    ('fct_ratings', 'rating', 'mart_genre', 'sd_rating', 'sum'),
    ('fct_ratings', 'rating', 'mart_genre', 'sd_rating', '')
) as edges (from_name, from_column, to_name, to_column, through);

insert into mart_lineage by name
select * from (values
    ('raw.ratings', 'raw', 'src_ratings', 'src'), ('raw._files', 'raw', 'src_files', 'src'),
    ('src_files', 'src', 'src_ratings', 'src'), ('src_ratings', 'src', 'fct_ratings', 'fct'),
    ('raw.movies', 'raw', 'src_movies', 'src'), ('src_movies', 'src', 'dim_movies', 'dim'),
    ('src_movies', 'src', 'dim_movie_genres', 'dim'), ('fct_ratings', 'fct', 'mart_genre', 'mart'),
    ('dim_movie_genres', 'dim', 'mart_genre', 'mart'), ('fct_ratings', 'fct', 'mart_movie', 'mart'),
    ('dim_movies', 'dim', 'mart_movie', 'mart'), ('fct_ratings', 'fct', 'dim_users', 'dim'),
    ('dim_users', 'dim', 'mart_user_activity', 'mart'),
    ('src_files', 'src', 'mart_source_file', 'mart')
) as edges (from_name, from_layer, to_name, to_layer);

-- The version before lacked film 1, had a film that is gone, and 20 ratings less.
insert into mart_previous_version by name
select
    '20261101-040000-0000000' as data_version, built_at - interval 22 day as built_at,
    n_ratings - 20 as n_ratings, n_users - 1 as n_users, n_movies, n_rated_movies,
    n_tag_applications + 3 as n_tag_applications, sum_rating - 60 as sum_rating,
    tests_passed - 1 as tests_passed, tests_warned
from mart_dataset_status;

insert into mart_previous_top_film by name
select movie_id, title, release_year, n_ratings, weighted_score, rank_weighted
from mart_movie
where rank_weighted is not null and movie_id <> 1
union all by name
select 99 as movie_id, 'Film that *is gone*' as title, 1950 as release_year, 30 as n_ratings,
    3.9 as weighted_score, (select rank_weighted from mart_movie where movie_id = 1) as rank_weighted;
