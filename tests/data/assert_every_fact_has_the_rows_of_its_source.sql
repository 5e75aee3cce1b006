-- A returned row is a fact that does not have the rows of its src_ model: an incremental build went
-- wrong, and a full refresh mends it. The file ids tell an outdated row from a current one.
{%- set datasets = ['ratings', 'tags', 'genome_scores'] %}
with
{%- for dataset in datasets %}
{{ dataset }}_in_src as (
    select
        count(*) as n_rows,
        coalesce(sum(_file_id), 0) as sum_of_files
    from {{ ref('src_' ~ dataset) }}
),

{{ dataset }}_in_fct as (
    select
        count(*) as n_rows,
        coalesce(sum(_file_id), 0) as sum_of_files
    from {{ ref('fct_' ~ dataset) }}
),

{% endfor -%}
compared as (
    {%- for dataset in datasets %}
    select
        'fct_{{ dataset }}' as fact,
        src.n_rows as n_rows_in_src,
        fct.n_rows as n_rows_in_fct
    from {{ dataset }}_in_src as src
    cross join {{ dataset }}_in_fct as fct
    where
        src.n_rows <> fct.n_rows
        or src.sum_of_files <> fct.sum_of_files
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select * from compared
