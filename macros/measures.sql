{#- Standard deviation of a sample from its additive parts. Sums of halves are exact, so the figure
    does not depend on the order of the rows, as the engines' own function does. -#}
{% macro sample_sd(n, total, total_of_squares) -%}
    case
        when {{ n }} > 1
            then sqrt(greatest(0, ({{ total_of_squares }} - {{ total }} * {{ total }} / {{ n }}) / ({{ n }} - 1)))
    end
{%- endmacro %}

{#- Tag in lower case, without outer spaces and with single inner ones. -#}
{% macro normalised_tag(tag) -%}
    trim(lower({{ regex_replace(tag, '[[:space:]]+', ' ') }}))
{%- endmacro %}
