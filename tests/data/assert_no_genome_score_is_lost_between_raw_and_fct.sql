-- A returned row means that fct_genome_scores lacks the winning row of a film and genome tag
-- with current rows in RAW, or has other rows. A full refresh repairs it.
{{ difference_to_raw(
    'genome_scores',
    columns=['movie_id', 'tag_id', 'relevance'],
    key=['movie_id', 'tag_id'],
    wins_by=['_file_id', 'relevance'],
    columns_of_fact=['movie_id', 'tag_id', 'relevance']
) }}
