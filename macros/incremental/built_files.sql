{#-
    The watermark of an incremental fact: the last manifest entry it has seen.
    One row per table of a fact in store._built_files (model_name, file_id), written after the fact
    itself, so that a build that dies in between repeats its work, idempotently.
-#}

{% macro built_files() -%}
    {{ return(api.Relation.create(
        database=target.database,
        schema=var('store'),
        identifier='_built_files',
        type='table'
    )) }}
{%- endmacro %}

{#- Before the first model of a build by dbt alone; `movielens` has created it by then. -#}
{% macro create_built_files() -%}
    {%- if execute and flags.WHICH in ('run', 'build') -%}
        {%- set it = built_files() -%}
        {%- if adapter.get_relation(it.database, it.schema, it.identifier) is none -%}
            {{ create_missing_schema(it) }}
            create table if not exists {{ it }} (model_name varchar, file_id bigint)
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- The watermark of the fact being built; none if it has to be built from scratch. -#}
{% macro last_file_seen() -%}
    {%- if not execute or should_full_refresh() or not is_incremental() -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set answer = run_query(
        "select max(file_id) from " ~ built_files() ~ " where model_name = '" ~ this.identifier ~ "'"
    ) -%}
    {{ return(answer.columns[0].values()[0] if answer.columns[0].values()[0] is not none else -1) }}
{%- endmacro %}

{% macro forget_files_seen() -%}
    delete from {{ built_files() }} where model_name = '{{ this.identifier }}'
{%- endmacro %}

{#- From the snapshot, not the manifest, which may already hold newer entries. -#}
{% macro remember_files_seen() -%}
    insert into {{ built_files() }} (model_name, file_id)
    select
        '{{ this.identifier }}' as model_name,
        max(src_files.file_id) as file_id
    from {{ ref('src_files') }} as src_files
    having max(src_files.file_id) is not null
{%- endmacro %}
