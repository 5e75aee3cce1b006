{#- Sample standard deviation from additive parts. Sums of half stars are exact, so the result does
    not depend on row order, unlike the engines' own function. -#}
{% macro sample_sd(n, total, total_of_squares) -%}
    case
        when {{ n }} > 1
            then sqrt(greatest(0, ({{ total_of_squares }} - {{ total }} * {{ total }} / {{ n }}) / ({{ n }} - 1)))
    end
{%- endmacro %}

{#- Tag in lower case, trimmed, with single inner spaces. -#}
{% macro normalised_tag(tag) -%}
    trim(lower({{ regex_replace(tag, '[[:space:]]+', ' ') }}))
{%- endmacro %}
