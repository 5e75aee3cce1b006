{#-
    Incremental by load. Since the last entry a fact has seen, files came, changed or went; any key
    in one of them, or in a version that they superseded, may have another winner now, or none.
    These keys are deleted from the fact, and the winners they have now are added.
-#}

{#- The file versions of a dataset that came after the given entry, and those that stopped counting
    because of them. -#}
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

{#- Pre-hook of a fact. Nothing to delete on a full refresh. A fact of which nothing is remembered
    is emptied: the build that made it died, and the versions it was made from may be gone. -#}
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

{#- The rows a fact adds: all winners when it starts empty, else those of the touched keys.
    Both are rendered each time, because that is how dbt learns what the fact reads. -#}
{% macro rows_to_add(dataset) -%}
    {%- set since = last_file_seen() -%}
    {%- set winners_of_all_keys = 'select * from ' ~ ref('src_' ~ dataset) -%}
    {%- set winners_of_touched_keys = latest_rows(dataset, touched_since=since) -%}
    {{ winners_of_all_keys if since is none or since == -1 else winners_of_touched_keys }}
{%- endmacro %}
