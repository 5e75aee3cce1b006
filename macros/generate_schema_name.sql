{#- Layer schemas have the same names for everyone, without the target schema as prefix; every
    environment but the published one appends its name. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ schema_of_environment(custom_schema_name if custom_schema_name else target.schema) }}
{%- endmacro %}

{% macro schema_of_environment(layer) -%}
    {{ layer ~ '__' ~ var('environment') if var('environment') else layer }}
{%- endmacro %}
