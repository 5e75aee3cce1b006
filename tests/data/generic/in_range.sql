{#- A number must be between two bounds, inclusive: returns the rows where it is not or, unless nulls
    are allowed, is missing. -#}
{% test in_range(model, column_name, min_value, max_value=none, allow_null=false) %}

{%- set faults = [column_name ~ ' < ' ~ min_value] -%}
{%- if max_value is not none -%}
    {%- do faults.append(column_name ~ ' > ' ~ max_value) -%}
{%- endif -%}
{%- if not allow_null -%}
    {%- do faults.append(column_name ~ ' is null') -%}
{%- endif %}

select *
from {{ model }}
where {{ faults | join(' or ') }}

{% endtest %}
