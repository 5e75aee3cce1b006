{#- Epoch seconds to a timestamp without zone, in UTC. Outside the years 1 to 9999 not every engine has
    a time, so the result is null, for a test to report; otherwise one such row would fail every
    build. Only MOVIELENS_RANGE_CHECKS=warn lets one through. -#}
{% macro epoch_to_timestamp(seconds) -%}
    {%- set time_in_range -%}
        case when {{ seconds }} between -62135596800 and 253402300799 then {{ seconds }} end
    {%- endset -%}
    {{ return(adapter.dispatch('epoch_to_timestamp', 'movielens')(time_in_range)) }}
{%- endmacro %}

{% macro duckdb__epoch_to_timestamp(seconds) -%}
    make_timestamp(({{ seconds }}) * 1000000)
{%- endmacro %}

{% macro snowflake__epoch_to_timestamp(seconds) -%}
    to_timestamp_ntz({{ seconds }})
{%- endmacro %}


{#- A timestamp without zone, in UTC, to epoch seconds. -#}
{% macro timestamp_to_epoch(moment) -%}
    {{ return(adapter.dispatch('timestamp_to_epoch', 'movielens')(moment)) }}
{%- endmacro %}

{% macro duckdb__timestamp_to_epoch(moment) -%}
    cast(epoch_ms({{ moment }}) // 1000 as bigint)
{%- endmacro %}

{% macro snowflake__timestamp_to_epoch(moment) -%}
    cast(date_part(epoch_second, {{ moment }}) as bigint)
{%- endmacro %}

{#- A timestamp with zone to one without, in UTC: stored values must not depend on the session. -#}
{% macro utc_timestamp(instant) -%}
    {{ return(adapter.dispatch('utc_timestamp', 'movielens')(instant)) }}
{%- endmacro %}

{% macro duckdb__utc_timestamp(instant) -%}
    timezone('UTC', {{ instant }})
{%- endmacro %}

{% macro snowflake__utc_timestamp(instant) -%}
    cast(convert_timezone('UTC', {{ instant }}) as timestamp_ntz)
{%- endmacro %}


{#- Day of the week, 1 = Monday to 7 = Sunday, whatever the session's first day is. -#}
{% macro iso_weekday(moment) -%}
    {{ return(adapter.dispatch('iso_weekday', 'movielens')(moment)) }}
{%- endmacro %}

{% macro duckdb__iso_weekday(moment) -%}
    isodow({{ moment }})
{%- endmacro %}

{% macro snowflake__iso_weekday(moment) -%}
    dayofweekiso({{ moment }})
{%- endmacro %}


{% macro add_months(day, months) -%}
    {{ return(adapter.dispatch('add_months', 'movielens')(day, months)) }}
{%- endmacro %}

{% macro duckdb__add_months(day, months) -%}
    cast({{ day }} + to_months(cast({{ months }} as integer)) as date)
{%- endmacro %}

{% macro snowflake__add_months(day, months) -%}
    cast(dateadd(month, {{ months }}, {{ day }}) as date)
{%- endmacro %}
