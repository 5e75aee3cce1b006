{#- Sample standard deviation from additive parts. Sums of half stars are exact, so the result does
    not depend on row order, unlike the engines' own function. An engine may divide before it asks
    whether n > 1, and Snowflake ends a query that divides by zero. -#}
{% macro sample_sd(n, total, total_of_squares) -%}
    case
        when {{ n }} > 1
            then sqrt(greatest(0, ({{ total_of_squares }} - {{ total }} * {{ total }} / nullif({{ n }}, 0)) / nullif({{ n }} - 1, 0)))
    end
{%- endmacro %}

{#- Tag in lower case, trimmed, with single inner spaces. -#}
{% macro normalised_tag(tag) -%}
    trim(lower({{ regex_replace(tag, '[[:space:]]+', ' ') }}))
{%- endmacro %}
