{#- A number of people that is so small that it could single one out: returns the rows that have one. -#}
{% test not_of_few(model, column_name) %}

select *
from {{ model }}
where {{ column_name }} > 0 and {{ column_name }} < {{ var('fewest_people') }}

{% endtest %}
