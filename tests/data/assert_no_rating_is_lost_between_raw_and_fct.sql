-- A returned row means that fct_ratings lacks the winning row of a user and film
-- with current rows in RAW, or has other rows. A full refresh repairs it.
{{ difference_to_raw(
    'ratings',
    columns=['user_id', 'movie_id', 'rating', 'timestamp as rated_second'],
    key=['user_id', 'movie_id'],
    wins_by=['rated_second', '_file_id', 'rating'],
    columns_of_fact=['user_id', 'movie_id', 'rating', timestamp_to_epoch('rated_at') ~ ' as rated_second']
) }}
