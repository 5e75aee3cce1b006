{#-
    Defines, in one place, which rows of RAW are current and which of two rows with one key wins.
    A row is current if its file version is current in this build's snapshot of the manifest.
-#}

{#- The datasets: columns as src_ names and types them, key, and the order in which rows of one key
    win. The order ends with every column outside the key, so it is total. (Two columns or more: on a
    single one, DuckDB 1.5 rewrites the ranking below into an aggregate that takes twice the time
    and memory on 25 M rows.) -#}
{% macro raw_datasets() -%}
    {{ return({
        'movies': {
            'columns': ['movie_id', 'title', 'genres'],
            'key': ['movie_id'],
            'wins_by': ['_file_id', 'title', 'genres'],
        },
        'ratings': {
            'columns': [
                'user_id', 'movie_id', 'rating', epoch_to_timestamp('timestamp') ~ ' as rated_at',
            ],
            'key': ['user_id', 'movie_id'],
            'wins_by': ['rated_at', '_file_id', 'rating'],
        },
        'tags': {
            'columns': [
                'user_id', 'movie_id', "coalesce(tag, '') as tag",
                epoch_to_timestamp('timestamp') ~ ' as tagged_at',
            ],
            'key': ['user_id', 'movie_id', 'tag'],
            'wins_by': ['tagged_at', '_file_id'],
        },
        'links': {
            'columns': ['movie_id', 'imdb_id', 'tmdb_id'],
            'key': ['movie_id'],
            'wins_by': ['_file_id', 'imdb_id', 'tmdb_id'],
        },
        'genome_scores': {
            'columns': ['movie_id', 'tag_id', 'relevance'],
            'key': ['movie_id', 'tag_id'],
            'wins_by': ['_file_id', 'relevance'],
        },
        'genome_tags': {
            'columns': ['tag_id', 'tag'],
            'key': ['tag_id'],
            'wins_by': ['_file_id', 'tag'],
        },
    }) }}
{%- endmacro %}

{% macro raw_dataset(name) -%}
    {{ return(raw_datasets()[name]) }}
{%- endmacro %}

{#- Every current row of the dataset, duplicates included. -#}
{% macro current_rows(dataset) -%}
    select
        {{ raw_dataset(dataset)['columns'] | join(',\n        ') }},
        _file_id
    from {{ source('raw', dataset) }}
    where
        _file_id in (
            select src_files.file_id
            from {{ ref('src_files') }} as src_files
            where
                src_files.is_current
                and src_files.dataset = '{{ dataset }}'
        )
{%- endmacro %}

{#- One row per key: the winner among the current rows. With touched_since (a file id), only keys
    touched by files changed since then; they are picked before the ranking, so that the work scales
    with the change. -#}
{% macro latest_rows(dataset, touched_since=none) -%}
    {%- set spec = raw_dataset(dataset) -%}
    select current_row.*
    from (
        {{ current_rows(dataset) }}
    ) as current_row
    {%- if touched_since is not none %}
    where
        ({{ prefixed('current_row', spec['key']) }}) in (
            {{ touched_keys(dataset, touched_since) }}
        )
    {%- endif %}
    qualify
        row_number() over (
            partition by {{ prefixed('current_row', spec['key']) }}
            order by {{ prefixed('current_row', spec['wins_by'], ' desc nulls last') }}
        ) = 1
{%- endmacro %}

{#- 'a.x, a.y' for the relation a and the columns x and y. -#}
{% macro prefixed(relation, columns, suffix='') -%}
    {% for column in columns %}{{ relation }}.{{ column }}{{ suffix }}{% if not loop.last %}, {% endif %}{% endfor %}
{%- endmacro %}
