{#- Appends the model or test to the query tag, after the run and the step. One statement; dbt's own
    macro would also read the tag before and restore it afterwards. -#}
{% macro snowflake__set_query_tag() -%}
    {%- do run_query("alter session set query_tag = '" ~ target.query_tag ~ ' ' ~ model.name ~ "'") -%}
{%- endmacro %}

{% macro snowflake__unset_query_tag(original_query_tag) -%}
{%- endmacro %}
