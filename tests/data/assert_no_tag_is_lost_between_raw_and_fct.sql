-- A returned row means that fct_tags does not have, for each user, film and tag in the rows of RAW
-- that count, the one that wins, or that it has other rows. A full refresh mends it.
{{ difference_to_raw('tags') }}
