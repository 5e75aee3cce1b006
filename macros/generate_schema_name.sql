{#- Layer schemas have the same names for everyone, without the target schema as prefix. A build puts
    its tables into the store instead: ingestion/build/tables.py names them. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name if custom_schema_name else target.schema }}
{%- endmacro %}
