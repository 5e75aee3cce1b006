{#- Columns that must have a value have one, and numbers are in their range: one scan for all of them.
    in_range has [smallest] or [smallest, largest] by column, which must have a value unless it is
    among the nullable. A failing row begins with the rules that it breaks. -#}
{% test valid_columns(model, not_null=[], in_range={}, nullable=[]) %}

{%- set faults = [] -%}
{%- for column in not_null -%}
    {%- do faults.append(column ~ ' is null') -%}
{%- endfor -%}
{%- for column, limits in in_range.items() -%}
    {%- do faults.append(column ~ ' < ' ~ limits[0]) -%}
    {%- if limits | length > 1 -%}
        {%- do faults.append(column ~ ' > ' ~ limits[1]) -%}
    {%- endif -%}
    {%- if column not in nullable -%}
        {%- do faults.append(column ~ ' is null') -%}
    {%- endif -%}
{%- endfor -%}
{%- set told = [] -%}
{%- for fault in faults -%}
    {%- set text = fault | replace("'", "''") -%}
    {%- do told.append("case when " ~ fault ~ " then '" ~ text ~ "; ' else '' end") -%}
{%- endfor %}

select
    {{ told | join(' || ') }} as broken_rules,
    checked.*
from {{ model }} as checked
where {{ faults | join(' or ') }}

{% endtest %}
