-- A returned row means that fct_ratings lacks the winning row of a user and film
-- with current rows in RAW, or has other rows. A full refresh repairs it.
{{ difference_to_raw('ratings') }}
