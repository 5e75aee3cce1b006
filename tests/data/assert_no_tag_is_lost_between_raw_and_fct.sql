-- A returned row means that fct_tags lacks the winning row of a user, film and tag
-- with current rows in RAW, or has other rows. A full refresh repairs it.
{{ difference_to_raw(
    'tags',
    columns=["user_id", "movie_id", "coalesce(tag, '') as tag", "timestamp as tagged_second"],
    key=['user_id', 'movie_id', 'tag'],
    wins_by=['tagged_second', '_file_id'],
    columns_of_fact=['user_id', 'movie_id', 'tag', timestamp_to_epoch('tagged_at') ~ ' as tagged_second']
) }}
