-- A returned row means that fct_genome_scores does not have, for each film and genome tag in the rows of RAW
-- that count, the one that wins, or that it has other rows. A full refresh mends it.
{{ difference_to_raw('genome_scores') }}
