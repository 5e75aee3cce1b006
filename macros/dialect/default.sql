{#-
    What an engine gets that has no variant of its own: an error, never the SQL of another engine.
    dbt falls back on `default__`; `varargs` makes Jinja accept the arguments of any macro.
-#}
{% macro no_variant(macro, arguments) -%}
    {%- do exceptions.raise_compiler_error(
        'The macro ' ~ macro ~ ' has no variant for the adapter ' ~ target.type ~ '. Write '
        ~ target.type ~ '__' ~ macro ~ ' in macros/dialect, as docs/engines.md describes.'
    ) -%}
{%- endmacro %}

{% macro default__add_months() -%} {{ no_variant('add_months', varargs) }} {%- endmacro %}
{% macro default__count_distinct() -%} {{ no_variant('count_distinct', varargs) }} {%- endmacro %}
{% macro default__create_missing_schema() -%} {{ no_variant('create_missing_schema', varargs) }} {%- endmacro %}
{% macro default__epoch_to_timestamp() -%} {{ no_variant('epoch_to_timestamp', varargs) }} {%- endmacro %}
{% macro default__hash_of_row() -%} {{ no_variant('hash_of_row', varargs) }} {%- endmacro %}
{% macro default__iso_weekday() -%} {{ no_variant('iso_weekday', varargs) }} {%- endmacro %}
{% macro default__join_texts() -%} {{ no_variant('join_texts', varargs) }} {%- endmacro %}
{% macro default__regex_extract() -%} {{ no_variant('regex_extract', varargs) }} {%- endmacro %}
{% macro default__regex_replace() -%} {{ no_variant('regex_replace', varargs) }} {%- endmacro %}
{% macro default__sha256_of() -%} {{ no_variant('sha256_of', varargs) }} {%- endmacro %}
{% macro default__split_to_rows() -%} {{ no_variant('split_to_rows', varargs) }} {%- endmacro %}
{% macro default__strip_accents() -%} {{ no_variant('strip_accents', varargs) }} {%- endmacro %}
{% macro default__timestamp_to_epoch() -%} {{ no_variant('timestamp_to_epoch', varargs) }} {%- endmacro %}

{% macro default__utc_timestamp() -%} {{ no_variant('utc_timestamp', varargs) }} {%- endmacro %}
{% macro default__whole_numbers() -%} {{ no_variant('whole_numbers', varargs) }} {%- endmacro %}
