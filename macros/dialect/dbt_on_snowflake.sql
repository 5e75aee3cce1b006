{#-
    What dbt does on Snowflake with fewer statements, each of which takes a moment and counts towards
    the bill. Each replaces a macro of dbt 1.11 and keeps what it promises.
-#}

{#- The contract of a model, checked by one query in place of two: its left half has the columns of
    the model, its right half those of its description. `movielens` checks those of a build together,
    once its models are there: ingestion/build/together.py. -#}
{% macro snowflake__get_assert_columns_equivalent(sql) -%}
    {%- if not config.get('meta', {}).get('contract_checked') -%}
        {{ _check_contract(sql) }}
    {%- endif -%}
{%- endmacro %}

{% macro _check_contract(sql) -%}
    {%- if not model['columns'] -%}
        {{ exceptions.raise_contract_error([], []) }}
    {%- endif -%}
    {%- set both -%}
        select *
        from ({{ get_empty_subquery_sql(sql) }}) as built
        cross join ({{ get_empty_schema_sql(model['columns']) }}) as described
        where false
        limit 0
    {%- endset -%}
    {%- set columns = format_columns(adapter.get_column_schema_from_query(both)) -%}
    {%- set described = model['columns'] | length -%}
    {%- set built = columns[: (columns | length) - described] -%}
    {%- set wanted = columns[(columns | length) - described :] -%}
    {%- set formatted = 'formatted' -%}
    {%- if built | map(attribute=formatted) | sort != wanted | map(attribute=formatted) | sort -%}
        {{ exceptions.raise_contract_error(wanted, built) }}
    {%- endif -%}
{%- endmacro %}

{#- A unit test. dbt creates a temporary table to learn the types of the model's columns, describes it
    and drops it; here an empty query tells. It does not tell the scale of numbers, so expected numbers
    get more than enough. -#}
{% materialization unit, adapter='snowflake' -%}
    {%- set types, quoted = {}, {} -%}
    {%- for column in get_column_schema_from_query(sql) -%}
        {%- set type = 'number(38, 12)' if column.dtype == 'FIXED' else column.dtype -%}
        {%- do types.update({column.name | lower: type}) -%}
        {%- do quoted.update({column.name | lower: column.quoted}) -%}
    {%- endfor -%}
    {%- set rows = config.get('expected_rows') -%}
    {%- set names = rows[0].keys() | list if rows else types.keys() | list -%}
    {%- set expected = config.get('expected_sql') or get_expected_sql(rows, types, quoted) -%}
    {%- set columns = [] -%}
    {%- for name in names -%}
        {%- do columns.append(quoted[name | lower]) -%}
    {%- endfor -%}
    {% call statement('main', fetch_result=True) -%}
        {{ get_unit_test_sql(sql, expected, columns) }}
    {%- endcall %}
    {{ return({'relations': []}) }}
{%- endmaterialization %}
