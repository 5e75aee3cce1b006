{#- Names the model or test in the query tag of its statements, behind the run and the step. One
    statement, where dbt's own would also ask for the tag before and set it again afterwards. -#}
{% macro snowflake__set_query_tag() -%}
    {%- do run_query("alter session set query_tag = '" ~ target.query_tag ~ ' ' ~ model.name ~ "'") -%}
{%- endmacro %}

{% macro snowflake__unset_query_tag(original_query_tag) -%}
{%- endmacro %}
