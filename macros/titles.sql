{#-
    MovieLens writes 'City of Lost Children, The (Cité des enfants perdus, La) (1995)'. These macros
    turn it into 'The City of Lost Children (La Cité des enfants perdus)' and the year 1995.
-#}

{% macro title_articles() -%}
    The|A|An|Le|La|Les|Un|Une|El|Los|Las|Una|Il|Lo|I|Gli|Der|Die|Das|Den|Det|De|Een|Het|Ein|Eine|En|Et|O|Os|Um|Uma|Da
{%- endmacro %}

{#- The year at the end, or the first of a span: '(1995)', '(2006–2007)', '(2009– )'. -#}
{% macro year_at_end() -%}
    [(]([0-9]{4})([-–—] *([0-9]{4})?)? *[)] *$
{%- endmacro %}

{% macro release_year(title) -%}
    cast({{ regex_extract(title, year_at_end()) }} as bigint)
{%- endmacro %}

{% macro title_without_year(title) -%}
    trim({{ regex_replace(title, ' *' ~ year_at_end(), '') }})
{%- endmacro %}

{#- Moves the article to the front of the title and of each title in parentheses. L' takes no space,
    so it has its own patterns. -#}
{% macro article_in_front(title) -%}
    {%- set steps = [
        ('^([^()]+), (' ~ title_articles() ~ ')( [(].*|$)', '\\2 \\1\\3'),
        ("^([^()]+), (L'')( [(].*|$)", '\\2\\1\\3'),
        ('[(]((a[.]k[.]a[.] )*)([^()]+), (' ~ title_articles() ~ ')[)]', '(\\1\\4 \\3)'),
        ("[(]((a[.]k[.]a[.] )*)([^()]+), (L'')[)]", '(\\1\\4\\3)'),
    ] -%}
    {%- set ns = namespace(sql=title) -%}
    {%- for pattern, replacement in steps -%}
        {%- set ns.sql = regex_replace(ns.sql, pattern, replacement) -%}
    {%- endfor -%}
    {{ ns.sql }}
{%- endmacro %}
