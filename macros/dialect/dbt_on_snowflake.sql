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

{#- What `movielens` has asked for already: ingestion/build/dbt.py. Empty if dbt runs by itself. -#}
{% macro _known(what, name) -%}
    {{ return(var('known', {}).get(what, {}).get(name | lower)) }}
{%- endmacro %}

{% macro snowflake__list_schemas(database) -%}
    {%- set schemas = [] -%}
    {%- for schema in var('known', {}).get('relations', {}) -%}
        {%- do schemas.append({'name': schema}) -%}
    {%- endfor -%}
    {{ return(schemas or dbt.snowflake__list_schemas(database)) }}
{%- endmacro %}

{#- The relations of a schema as `show objects` tells them. -#}
{% macro snowflake__list_relations_without_caching(schema_relation) -%}
    {%- set known = _known('relations', schema_relation.schema) -%}
    {%- if known is none -%}
        {{ return(dbt.snowflake__list_relations_without_caching(schema_relation)) }}
    {%- endif -%}
    {%- set where = [schema_relation.database | upper, schema_relation.schema | upper] -%}
    {%- set rows = [] -%}
    {%- for name, kind in known.items() -%}
        {%- do rows.append(where + [name | upper, kind, 'N', 'N']) -%}
    {%- endfor -%}
    {{ return(_table(
        ['database_name', 'schema_name', 'name', 'kind', 'is_dynamic', 'is_iceberg'], rows
    )) }}
{%- endmacro %}

{#- None: `movielens` makes no functions, and this is what dbt looks for besides tables and views. -#}
{% macro snowflake__list_function_relations_without_caching(schema_relation) -%}
    {%- if _known('relations', schema_relation.schema) is none -%}
        {{ return(dbt.snowflake__list_function_relations_without_caching(schema_relation)) }}
    {%- endif -%}
    {{ return(_table(['catalog_name', 'schema_name', 'name', 'is_builtin'], [])) }}
{%- endmacro %}

{#- A table as a query returns it, of the only things that dbt's method reads of one. -#}
{% macro _table(names, rows) -%}
    {{ return(adapter.normalize_show_objects_result(namespace(column_names=names, rows=rows))) }}
{%- endmacro %}

{% macro _known_columns(name) -%}
    {%- set columns = [] -%}
    {%- for column, type in (_known('columns', name) or {}).items() -%}
        {%- do columns.append(api.Column.from_description(column | upper, type)) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{% macro snowflake__get_columns_in_relation(relation) -%}
    {%- set known = _known_columns(relation.schema ~ '.' ~ relation.identifier) -%}
    {{ return(known or dbt.snowflake__get_columns_in_relation(relation)) }}
{%- endmacro %}

{#- A fact. dbt makes a view of the new rows, describes it and the table twice each, and appends the
    rows in a transaction of its own; here one empty query tells the columns of both, and one statement
    appends the rows. No other strategy is needed: touched keys are deleted first. -#}
{% materialization incremental, adapter='snowflake' -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        {%- if is_incremental() -%}
            {%- set columns = _columns_of_both(sql, this) -%}
            insert into {{ this }} ({{ columns | join(', ') }})
            select {{ columns | join(', ') }}
            from (
                {{ sql }}
            ) as new_row
        {%- else -%}
            {{ create_table_as(False, target_relation, sql) }}
        {%- endif -%}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}

{#- The columns that a query and a table share, which must be all, with the same types. -#}
{% macro _columns_of_both(sql, table) -%}
    {%- set both -%}
        select *
        from ({{ get_empty_subquery_sql(sql) }}) as new_row
        cross join (select 0 as _begins_here) as the_table
        cross join (select * from {{ table }} where false) as old_row
        where false
        limit 0
    {%- endset -%}
    {%- set new, old = {}, {} -%}
    {%- set halves = [new] -%}
    {%- for column in adapter.get_column_schema_from_query(both) -%}
        {%- if column.name | lower == '_begins_here' -%}
            {%- do halves.append(old) -%}
        {%- else -%}
            {%- do halves[-1].update({column.name: column.dtype}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if new != old -%}
        {%- do exceptions.raise_compiler_error(
            table ~ ' has the columns ' ~ old ~ ', but its model now computes ' ~ new
            ~ '; run `movielens build --full-refresh`'
        ) -%}
    {%- endif -%}
    {{ return(new.keys() | list) }}
{%- endmacro %}

{#- A unit test. dbt creates a temporary table to learn the types of the model's columns, describes it
    and drops it; here the model's own table tells, or an empty query. Neither tells the scale of
    numbers in the model's SQL, so expected numbers get more than enough. -#}
{% materialization unit, adapter='snowflake' -%}
    {%- set types, quoted = {}, {} -%}
    {%- set known = _known_columns(model['tested_node_unique_id']) -%}
    {%- for column in known or get_column_schema_from_query(sql) -%}
        {%- set is_number = column.dtype in ('FIXED', 'NUMBER') -%}
        {%- set type = 'number(38, 12)' if is_number else column.dtype -%}
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
