-- A returned row means that fct_ratings does not have, for each user and film in the rows of RAW
-- that count, the one that wins, or that it has other rows. A full refresh mends it.
{{ difference_to_raw('ratings') }}
