{#- People that a published count has to stand for, so that it singles nobody out. -#}
{% macro fewest_people() -%}
    5
{%- endmacro %}

{#- The value that a row's own is merged into, so that each group has enough people: itself where it
    has enough, else the next lower one that has, else the lowest that has. -#}
{% macro merged_with_enough_people(value, n_people, partition_by=none) -%}
    {%- set part = 'partition by ' ~ partition_by ~ ' ' if partition_by else '' -%}
    {%- set enough = 'case when ' ~ n_people ~ ' >= ' ~ fewest_people() ~ ' then ' ~ value ~ ' end' -%}
    coalesce(
        max({{ enough }}) over ({{ part }}order by {{ value }} rows between unbounded preceding and current row),
        min({{ enough }}) over ({{ part | trim }}),
        min({{ value }}) over ({{ part | trim }})
    )
{%- endmacro %}
