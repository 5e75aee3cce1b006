{#- A number that has to be between two bounds, both included: returns the rows where it is not, or,
    unless nulls are allowed, where it is missing. -#}
{% test in_range(model, column_name, min_value, max_value=none, allow_null=false) %}

select *
from {{ model }}
where
    {{ column_name }} < {{ min_value }}
    {%- if max_value is not none %}
    or {{ column_name }} > {{ max_value }}
    {%- endif %}
    {%- if not allow_null %}
    or {{ column_name }} is null
    {%- endif %}

{% endtest %}
