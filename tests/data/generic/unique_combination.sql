{#- A compound key: returns each combination of the columns that occurs more than once or contains a
    null. -#}
{% test unique_combination(model, columns) %}

select
    {{ columns | join(',\n    ') }},
    count(*) as n_rows
from {{ model }}
group by
    {{ columns | join(',\n    ') }}
having
    count(*) > 1
    or {{ columns | join(' is null\n    or ') }} is null

{% endtest %}
