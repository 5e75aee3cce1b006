{#- Creates the schema of a relation, unless it is there. -#}
{% macro create_missing_schema(relation) -%}
    {{ return(adapter.dispatch('create_missing_schema', 'movielens')(relation)) }}
{%- endmacro %}

{% macro duckdb__create_missing_schema(relation) -%}
    {%- do adapter.create_schema(relation) -%}
{%- endmacro %}

{#- Asks first: `create schema if not exists` needs the privilege even if the schema is there. -#}
{% macro snowflake__create_missing_schema(relation) -%}
    {%- set found = run_query(
        "select 1 from information_schema.schemata where catalog_name = current_database() "
        "and lower(schema_name) = '" ~ relation.schema ~ "'"
    ) -%}
    {%- if not found.rows -%}
        {%- do adapter.create_schema(relation) -%}
    {%- endif -%}
{%- endmacro %}
