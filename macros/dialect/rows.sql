{#- One row per part of a delimited text, with the key of its row. -#}
{% macro split_to_rows(relation, key, text, separator, part) -%}
    {{ return(adapter.dispatch('split_to_rows', 'movielens')(relation, key, text, separator, part)) }}
{%- endmacro %}

{% macro duckdb__split_to_rows(relation, key, text, separator, part) -%}
    select
        {{ key }},
        unnest(string_split({{ text }}, '{{ separator }}')) as {{ part }}
    from {{ relation }}
{%- endmacro %}

{% macro snowflake__split_to_rows(relation, key, text, separator, part) -%}
    select
        {{ relation }}.{{ key }},
        cast(parts.value as varchar) as {{ part }}
    from {{ relation }},
        lateral flatten(input => split({{ relation }}.{{ text }}, '{{ separator }}')) as parts
{%- endmacro %}


{#- The whole numbers from 0 to count - 1, in column n. -#}
{% macro whole_numbers(count) -%}
    {{ return(adapter.dispatch('whole_numbers', 'movielens')(count)) }}
{%- endmacro %}

{% macro duckdb__whole_numbers(count) -%}
    select numbers.range as n
    from range({{ count }}) as numbers
{%- endmacro %}

{% macro snowflake__whole_numbers(count) -%}
    select row_number() over (order by seq4()) - 1 as n
    from table(generator(rowcount => {{ count }}))
{%- endmacro %}


{#- A number that stands for the values of a row: each engine has its own, so it is never stored. -#}
{% macro hash_of_row(columns) -%}
    {{ return(adapter.dispatch('hash_of_row', 'movielens')(columns)) }}
{%- endmacro %}

{% macro duckdb__hash_of_row(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}

{% macro snowflake__hash_of_row(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}


{#- How many distinct values a group has, without nulls. DuckDB counts the distinct values of many
    small groups four times as fast in lists. -#}
{% macro count_distinct(value) -%}
    {{ return(adapter.dispatch('count_distinct', 'movielens')(value)) }}
{%- endmacro %}

{% macro duckdb__count_distinct(value) -%}
    list_unique(list({{ value }}))
{%- endmacro %}

{% macro snowflake__count_distinct(value) -%}
    count(distinct {{ value }})
{%- endmacro %}
