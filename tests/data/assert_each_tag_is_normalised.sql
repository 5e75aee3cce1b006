-- A returned row is a use of a tag whose normalised form has other letters than the tag, capital ones,
-- or spaces that do not part words.
select
    tag,
    tag_normalised
from {{ ref('fct_tags') }}
where
    tag_normalised <> lower(tag_normalised)
    or tag_normalised <> trim(tag_normalised)
    or tag_normalised like '%  %'
    or replace(tag_normalised, ' ', '') <> {{ regex_replace('lower(tag)', '[[:space:]]', '') }}
    or (trim(tag) like '% %' and tag_normalised not like '% %')
