"""Every statement the dashboard sends: constants over marts, values always as parameters.

The SQL is common to DuckDB and Snowflake. Each statement names its columns, so that the contract
test notices a lost column before a visitor does.
"""

from __future__ import annotations

from typing import Final

STATUS: Final = """
select
    edition, is_generated, licence, citation, source_sha256, data_version, git_sha,
    loaded_at, built_at, first_rating_at, last_rating_at,
    n_files, n_rejected_rows, n_ratings, n_users, n_movies, n_rated_movies,
    n_tag_applications, n_tag_users, sum_rating, prior_mean, prior_weight, has_genome,
    tests_passed, tests_warned, tests_failed
from mart_dataset_status
"""

# ---- ratings over time -------------------------------------------------------------------------

RATING_MONTHS: Final = """
select month, n_ratings, sum_rating, n_users, is_partial
from mart_rating_month
order by month
"""

STAR_YEARS: Final = """
select rating_year, rating, n_ratings
from mart_rating_value_year
order by rating_year, rating
"""

STAR_TOTALS: Final = """
select rating, cast(sum(n_ratings) as bigint) as n_ratings
from mart_rating_value_year
group by rating
order by rating
"""

YEAR_TOTALS: Final = """
select extract(year from month) as rating_year, cast(sum(n_ratings) as bigint) as n_ratings
from mart_rating_month
group by extract(year from month)
order by rating_year
"""

RELEASE_SPAN: Final = """
select min(release_year) as first_year, max(release_year) as last_year
from mart_release_year
"""

# ---- films -------------------------------------------------------------------------------------
# The shared filter's parameters: minimum ratings; a pattern over the list of genres; the year
# assumed for films without one; first and last year.

_FILTER = """
    n_ratings >= ?
    and n_ratings > 0
    and ', ' || coalesce(genres_text, '') || ',' like ? escape '!'
    and coalesce(release_year, ?) between ? and ?
"""

_FILM = "movie_id, title, release_year, genres_text, n_ratings, sum_rating, sd_rating"
_STARS = "h05, h10, h15, h20, h25, h30, h35, h40, h45, h50"

BEST_LOVED: Final = f"""
select {_FILM}, weighted_score, rank_weighted, {_STARS}, imdb_url, tmdb_url
from mart_movie
where {_FILTER}
order by rank_weighted
limit 100
"""

# The ten best loved films, the ten hidden gems and those that stand out are always among them: the
# one with most ratings; of those with many, the most divisive; of those with few, the best. The
# rest take turns by how often they were rated, in steps of a logarithm, so that no size of audience
# is left out; in each step the order is as good as random, and the same in every version. Number of
# films and correlation are over every film, however many of them are drawn. Places in a step are
# counted without `partition by`, which takes DuckDB three times as long.
SCATTER: Final = f"""
select
    movie_id, title, release_year, n_ratings, sum_rating, sd_rating, rank_weighted, n_films,
    correlation, is_most_rated, is_most_divisive, has_few and place_if_few = 1 as is_hidden_gem
from (
    select
        {_FILM}, rank_weighted,
        n_ratings <= ? as has_few,
        row_number() over (order by rank_weighted) as place,
        row_number() over (
            order by case when n_ratings <= ? then 0 else 1 end, rank_weighted
        ) as place_if_few,
        row_number() over (order by n_ratings desc, movie_id) = 1 as is_most_rated,
        n_ratings >= ? and row_number() over (
            order by case when n_ratings >= ? then 0 else 1 end, sd_rating desc, movie_id
        ) = 1 as is_most_divisive,
        row_number() over (
            order by floor(4 * ln(n_ratings)), mod(mod(movie_id, 10007) * 7919, 10007), movie_id
        ) - rank() over (order by floor(4 * ln(n_ratings))) as turn,
        count(*) over () as n_films,
        cast(corr(ln(n_ratings), sum_rating / n_ratings) over () as double) as correlation
    from mart_movie
    where {_FILTER}
) as film
order by
    case
        when place <= 10 or (has_few and place_if_few <= 10) then 0
        when is_most_rated or is_most_divisive then 0
        else 1
    end,
    turn,
    movie_id
limit 1500
"""

# 1 if half of the people gave 2 stars or fewer and the other half 4.5 or more; 0 if nobody did one
# of the two. A quotient of whole numbers, so that engines agree on ties.
CONTROVERSIAL: Final = f"""
select
    {_FILM}, share_low, {_STARS},
    4 * cast((h05 + h10 + h15 + h20) * (h45 + h50) as double)
    / cast(n_ratings * n_ratings as double) as controversy
from mart_movie
where {_FILTER} and n_ratings >= ?
order by controversy desc, movie_id
limit 8
"""

YEAR_BEST: Final = f"""
select {_FILM}, weighted_score, rank_weighted
from (
    select
        {_FILM}, weighted_score, rank_weighted,
        row_number() over (partition by release_year order by rank_weighted) as place
    from mart_movie
    where {_FILTER} and release_year is not null
) as film
where place = 1
order by release_year
"""

TITLES: Final = """
select
    movie_id, title, title_search, release_year, genres_text, n_ratings, sum_rating, imdb_url
from mart_movie
order by n_ratings desc, movie_id
"""

FILM: Final = f"""
select
    {_FILM}, is_inferred, weighted_score, share_high, share_low, rank_weighted, {_STARS},
    first_rated_at, last_rated_at, imdb_url, tmdb_url
from mart_movie
where movie_id = ?
"""

FILM_NEIGHBOURS: Final = f"""
select {_FILM}, weighted_score, rank_weighted
from mart_movie
where rank_weighted between ? and ?
order by rank_weighted
"""

FILM_YEARS: Final = """
select rating_year, n_ratings, sum_rating
from mart_movie_year
where movie_id = ?
order by rating_year
"""

FILM_TAGS: Final = """
select tag, n_people from mart_movie_tag where movie_id = ? order by rank
"""

FILM_GENOME_TAGS: Final = """
select tag, relevance from mart_movie_genome_tag where movie_id = ? order by rank
"""

FILM_SIMILAR: Final = """
select mart_movie.movie_id, mart_movie.title, mart_movie.release_year, mart_movie_similar.score
from mart_movie_similar
inner join mart_movie on mart_movie_similar.similar_movie_id = mart_movie.movie_id
where mart_movie_similar.movie_id = ?
order by mart_movie_similar.rank
"""

FILM_LIKED_TOGETHER: Final = """
select
    mart_movie.movie_id, mart_movie.title, mart_movie.release_year,
    mart_movie_liked_together.n_people, mart_movie_liked_together.lift,
    mart_movie_liked_together.score
from mart_movie_liked_together
inner join mart_movie on mart_movie_liked_together.other_movie_id = mart_movie.movie_id
where mart_movie_liked_together.movie_id = ?
order by mart_movie_liked_together.rank
"""

# Films that many have seen, and that have neighbours.
TASTE_FILMS: Final = f"""
select {_FILM}
from mart_movie
where movie_id in (select movie_id from mart_movie_liked_together)
order by n_ratings desc, movie_id
limit 60
"""

# ---- genres ------------------------------------------------------------------------------------

GENRES: Final = """
select genre, n_movies, n_ratings, sum_rating, sd_rating, share_high, share_low
from mart_genre
order by genre
"""

GENRE_YEARS: Final = """
select genre, rating_year, n_ratings, sum_rating
from mart_genre_year
order by genre, rating_year
"""

GENRE_DECADES: Final = """
select genre, release_decade, n_movies, n_ratings, sum_rating
from mart_genre_decade
order by genre, release_decade
"""

GENRE_PAIRS: Final = """
select genre_a, genre_b, n_movies, n_ratings, sum_rating
from mart_genre_pair
order by genre_a, genre_b
"""

# ---- tags --------------------------------------------------------------------------------------

TOP_TAGS: Final = """
select tag, n_people, n_applications, n_movies, n_ratings, sum_rating
from mart_tag
order by n_people desc, n_applications desc, tag
limit 500
"""

SEARCH_TAGS: Final = """
select tag, n_people, n_applications, n_movies, n_ratings, sum_rating
from mart_tag
where tag_search like ? escape '!'
order by n_people desc, n_applications desc, tag
limit 50
"""

TAG_FILMS: Final = """
select
    mart_movie.movie_id, mart_movie.title, mart_movie.release_year, mart_movie_tag.n_people,
    mart_movie.n_ratings, mart_movie.sum_rating
from mart_movie_tag
inner join mart_movie on mart_movie_tag.movie_id = mart_movie.movie_id
where mart_movie_tag.tag = ?
order by mart_movie_tag.n_people desc, mart_movie.n_ratings desc, mart_movie.movie_id
limit 50
"""

# ---- people ------------------------------------------------------------------------------------

USER_ACTIVITY: Final = """
select lo, hi, n_users, n_ratings
from mart_user_activity
order by lo
"""

WEEKDAY_HOURS: Final = """
select weekday, hour, n_ratings
from mart_weekday_hour
order by weekday, hour
"""

USER_COHORTS: Final = """
select cohort_year, last_cohort_year, years_since, last_years_since, n_users_active, n_ratings
from mart_user_cohort
order by cohort_year, years_since
"""

# ---- versions ----------------------------------------------------------------------------------

PREVIOUS_VERSION: Final = """
select
    data_version, built_at, n_ratings, n_users, n_movies, n_rated_movies, n_tag_applications,
    sum_rating, tests_passed, tests_warned
from mart_previous_version
"""

PREVIOUS_TOP_FILMS: Final = """
select movie_id, title, release_year, n_ratings, weighted_score, rank_weighted
from mart_previous_top_film
order by rank_weighted
"""

TOP_FILMS: Final = """
select movie_id, title, release_year, n_ratings, weighted_score, rank_weighted
from mart_movie
where rank_weighted <= 100
order by rank_weighted
"""

# ---- about the data ----------------------------------------------------------------------------

QUALITY: Final = """
select test_name, model_name, column_name, description, kind, status, severity, failures, run_at
from mart_quality
order by
    case status when 'error' then 0 when 'fail' then 1 when 'warn' then 2 when 'skipped' then 3
    else 4 end,
    model_name, column_name, test_name
"""

TESTED_TABLES: Final = """
select test_name, model_name, table_name, layer
from mart_tested_table
order by table_name, test_name, model_name
"""

DICTIONARY: Final = """
select table_name, layer, position, column_name, data_type, description, tests
from mart_dictionary
order by
    case layer when 'mart' then 0 when 'fct' then 1 when 'dim' then 2 when 'src' then 3 else 4 end,
    table_name, position
"""

LINEAGE: Final = """
select from_name, from_layer, to_name, to_layer
from mart_lineage
order by from_name, to_name
"""

COLUMN_LINEAGE: Final = """
select from_name, from_column, to_name, to_column, through
from mart_column_lineage
order by to_name, to_column, from_name, from_column, through
"""

RELEASE_CHECKS: Final = """
select check_name, kind, expected, loaded, found, outcome, description
from mart_release_check
order by case check_name when 'ratings' then 0 when 'users' then 1 when 'movies' then 2 else 3 end,
    check_name
"""

REFUSED_FILES: Final = """
select path, dataset, bytes, refused_at
from mart_refused_file
order by path
"""

SOURCE_FILES: Final = """
select path, dataset, edition, bytes, rows_loaded, rows_rejected, content_hash, load_id, loaded_at
from mart_source_file
order by dataset, path
"""
