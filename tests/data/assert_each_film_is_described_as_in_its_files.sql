-- A returned row is a film whose title, year or links are not those of its files. Moving an article and
-- dropping the year leave the letters of a title as they were.
with films as (
    select
        films.movie_id,
        films.title,
        films.title_search,
        films.release_year,
        films.is_inferred,
        films.imdb_url,
        films.tmdb_url,
        described.movie_id is null as is_in_no_file,
        described.title as title_in_file,
        {{ regex_extract('described.title', '[(]([0-9]{4})[)]$') }} as year_in_file,
        {{ regex_extract('links.imdb_id', '^0*([0-9]+)$') }} as imdb_number,
        {{ regex_extract('films.imdb_url', '^https://www.imdb.com/title/tt0*([0-9]+)/$') }}
            as imdb_number_shown,
        cast(links.tmdb_id as varchar) as tmdb_number,
        {{ regex_extract('films.tmdb_url', '^https://www.themoviedb.org/movie/(-?[0-9]+)$') }}
            as tmdb_number_shown
    from {{ ref('mart_movie') }} as films
    left join {{ ref('src_movies') }} as described on films.movie_id = described.movie_id
    left join {{ ref('src_links') }} as links on films.movie_id = links.movie_id
)

select *
from films
where
    is_inferred <> is_in_no_file
    or title_search is distinct from {{ strip_accents('lower(title)') }}
    or cast(year_in_file as bigint) <> coalesce(release_year, 0)
    or title_in_file not like '%(' || cast(release_year as varchar) || '%'
    or imdb_number is distinct from imdb_number_shown
    or length(imdb_url) < length('https://www.imdb.com/title/tt0000000/')
    or tmdb_number is distinct from tmdb_number_shown
    or (is_inferred and (release_year is not null or title <> 'Movie ' || cast(movie_id as varchar)))
    or coalesce(title, '') = ''
    or (
        trim(title_in_file) <> ''
        and (
            (title <> trim(title) and title_in_file not like '% , %')
            {%- for letter in ['a', 'e', 'i', 'n', 'o', 'r', 's', 't', 'T'] %}
            or length(title) - length(replace(title, '{{ letter }}', ''))
            <> length(title_in_file) - length(replace(title_in_file, '{{ letter }}', ''))
            {%- endfor %}
        )
    )
    -- Only a title that is nothing but a year, or has two, keeps one.
    or (
        title like '%(' || year_in_file || ')'
        and trim(title_in_file) <> '(' || year_in_file || ')'
        and title_in_file not like '%)%)%'
    )
