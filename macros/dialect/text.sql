{#-
    The text matched by a group of the pattern; null without a match. Patterns use only what RE2 and
    Snowflake's engine share: no lazy quantifiers, no lookaround. Snowflake reads a backslash in a
    literal as an escape, so its variants double it.
-#}
{% macro regex_extract(text, pattern, group=1) -%}
    {{ return(adapter.dispatch('regex_extract', 'movielens')(text, pattern, group)) }}
{%- endmacro %}

{% macro duckdb__regex_extract(text, pattern, group) -%}
    nullif(regexp_extract({{ text }}, '{{ pattern }}', {{ group }}), '')
{%- endmacro %}

{% macro snowflake__regex_extract(text, pattern, group) -%}
    nullif(regexp_substr({{ text }}, '{{ pattern | replace("\\", "\\\\") }}', 1, 1, 'e', {{ group }}), '')
{%- endmacro %}


{#- A text with every match of the pattern replaced; \1 in the replacement is the first group. -#}
{% macro regex_replace(text, pattern, replacement) -%}
    {{ return(adapter.dispatch('regex_replace', 'movielens')(text, pattern, replacement)) }}
{%- endmacro %}

{% macro duckdb__regex_replace(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g')
{%- endmacro %}

{% macro snowflake__regex_replace(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern | replace("\\", "\\\\") }}', '{{ replacement | replace("\\", "\\\\") }}')
{%- endmacro %}


{#- A lower-case text without accents, for searching. Snowflake has no function for this: Latin
    letters are translated one by one, and combining marks (end of the first list) dropped. -#}
{% macro strip_accents(text) -%}
    {{ return(adapter.dispatch('strip_accents', 'movielens')(text)) }}
{%- endmacro %}

{% macro duckdb__strip_accents(text) -%}
    strip_accents({{ text }})
{%- endmacro %}

{% macro snowflake__strip_accents(text) -%}
    translate(
        {{ text }},
        'àáâãäåçèéêëìíîïñòóôõöùúûüýÿāăąćĉċčďēĕėęěĝğġģĥĩīĭįĵķĺļľńņňōŏőŕŗřśŝşšţťũūŭůűųŵŷźżžơưǎǐǒǔǖǘǚǜǟǡǧǩǫǭǰǵǹǻȁȃȅȇȉȋȍȏȑȓȕȗșțȟȧȩȫȭȯȱȳḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕẖẗẘẙạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ{{ "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0323\u0327\u0328" }}',
        'aaaaaaceeeeiiiinooooouuuuyyaaaccccdeeeeegggghiiiijklllnnnooorrrssssttuuuuuuwyzzzouaiouuuuuaagkoojgnaaaeeiioorruusthaeooooyabbbcdddddeeeeefghhhhhiikkkllllmmmnnnnoooopprrrrsssssttttuuuuuvvwwwwwxxyzzzhtwyaaaaaaaaaaaaeeeeeeeeiioooooooooooouuuuuuuyyyy'
    )
{%- endmacro %}


{#- The texts of a group joined into one, sorted. -#}
{% macro join_texts(text, separator) -%}
    {{ return(adapter.dispatch('join_texts', 'movielens')(text, separator)) }}
{%- endmacro %}

{% macro duckdb__join_texts(text, separator) -%}
    string_agg({{ text }}, '{{ separator }}' order by {{ text }})
{%- endmacro %}

{% macro snowflake__join_texts(text, separator) -%}
    nullif(listagg({{ text }}, '{{ separator }}') within group (order by {{ text }}), '')
{%- endmacro %}


{% macro sha256_of(text) -%}
    {{ return(adapter.dispatch('sha256_of', 'movielens')(text)) }}
{%- endmacro %}

{% macro duckdb__sha256_of(text) -%}
    sha256({{ text }})
{%- endmacro %}

{% macro snowflake__sha256_of(text) -%}
    sha2({{ text }}, 256)
{%- endmacro %}
