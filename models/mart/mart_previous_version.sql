with seen_versions as (
    select * from {{ source('audit', 'seen_versions') }}
)

select
    data_version,
    cast(built_at as timestamp) as built_at,
    cast(n_ratings as bigint) as n_ratings,
    cast(n_users as bigint) as n_users,
    cast(n_movies as bigint) as n_movies,
    cast(n_rated_movies as bigint) as n_rated_movies,
    cast(n_tag_applications as bigint) as n_tag_applications,
    cast(sum_rating as double) as sum_rating,
    cast(tests_passed as bigint) as tests_passed,
    cast(tests_warned as bigint) as tests_warned
from seen_versions
