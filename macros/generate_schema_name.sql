{#- Layer schemas are the same for everyone, without a prefix of the target's own schema; each
    environment but the published one has its own, told apart by its name behind them. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ schema_of_environment(custom_schema_name if custom_schema_name else target.schema) }}
{%- endmacro %}

{% macro schema_of_environment(layer) -%}
    {{ layer ~ '__' ~ var('environment') if var('environment') else layer }}
{%- endmacro %}
