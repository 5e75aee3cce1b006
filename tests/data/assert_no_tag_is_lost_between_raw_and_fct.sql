-- A returned row means that fct_tags lacks the winning row of a user, film and tag
-- with current rows in RAW, or has other rows. A full refresh repairs it.
{{ difference_to_raw('tags') }}
