{#-
    Incremental by load. Files that arrived, changed or were removed since a fact's watermark, and the
    versions they superseded, give the touched keys: those that may now have another winner, or none.
    These keys are deleted from the fact, and their current winners added.
-#}

{#- The file versions of a dataset after the given entry, and those they superseded. -#}
{% macro changed_files(dataset, since) -%}
    select src_files.file_id
    from {{ ref('src_files') }} as src_files
    where
        src_files.dataset = '{{ dataset }}'
        and src_files.file_id > {{ since }}
    union all
    select max(src_files.file_id) as file_id
    from {{ ref('src_files') }} as src_files
    where
        src_files.file_id <= {{ since }}
        and src_files.path in (
            select newer.path
            from {{ ref('src_files') }} as newer
            where
                newer.dataset = '{{ dataset }}'
                and newer.file_id > {{ since }}
        )
    group by src_files.path
{%- endmacro %}

{% macro touched_keys(dataset, since) -%}
    {%- set spec = raw_dataset(dataset) -%}
    select distinct {{ prefixed('touched_row', spec['key']) }}
    from (
        select
            {{ spec['columns'] | join(',\n            ') }}
        from {{ source('raw', dataset) }}
        where _file_id in (
            {{ changed_files(dataset, since) }}
        )
    ) as touched_row
{%- endmacro %}

{#- Pre-hook of a fact. A full refresh has nothing to delete. A fact without a watermark is emptied:
    the build that made it died, and the versions it was built from may be gone. -#}
{% macro delete_touched_keys(dataset) -%}
    {%- set since = last_file_seen() -%}
    {%- if since == -1 -%}
        delete from {{ this }}
    {%- elif since is not none -%}
        delete from {{ this }}
        where ({{ raw_dataset(dataset)['key'] | join(', ') }}) in (
            {{ touched_keys(dataset, since) }}
        )
    {%- endif -%}
{%- endmacro %}

{#- The rows a fact adds: all winners if it starts empty, else those of the touched keys. Both are
    rendered every time, so that dbt sees everything the fact reads. -#}
{% macro rows_to_add(dataset) -%}
    {%- set since = last_file_seen() -%}
    {%- set winners_of_all_keys = 'select * from ' ~ ref('src_' ~ dataset) -%}
    {%- set winners_of_touched_keys = latest_rows(dataset, touched_since=since) -%}
    {{ winners_of_all_keys if since is none or since == -1 else winners_of_touched_keys }}
{%- endmacro %}
