{#- A count of people, or a figure about them; null if so few people that it could single one out.
    Zero is published. -#}
{% macro unless_few(n_people, number) -%}
    case when {{ n_people }} = 0 or {{ n_people }} >= {{ var('fewest_people') }} then {{ number }} end
{%- endmacro %}

{#- The value to merge a row's value into, so that each group has enough people: itself if it has
    enough, else the next lower value that has, else the lowest that has. -#}
{% macro merged_with_enough_people(value, n_people, partition_by=none) -%}
    {%- set part = 'partition by ' ~ partition_by ~ ' ' if partition_by else '' -%}
    {%- set enough = 'case when ' ~ n_people ~ ' >= ' ~ var('fewest_people') ~ ' then ' ~ value ~ ' end' -%}
    coalesce(
        max({{ enough }}) over ({{ part }}order by {{ value }} rows between unbounded preceding and current row),
        min({{ enough }}) over ({{ part | trim }}),
        min({{ value }}) over ({{ part | trim }})
    )
{%- endmacro %}
