"""Versions of what lies in a home, so that an older program never mistakes what a newer one wrote.

Raise one when an earlier release could no longer read, or would damage, what this one writes.
"""

from __future__ import annotations

import re

# Of the warehouse: RAW, the store and the bookkeeping. 0 is what earlier releases left unmarked.
WAREHOUSE = 1
# Of the published file.
MARTS = 1

# The mart whose comment says it: the file holds marts and nothing else.
MARKED = "mart_dataset_status"
_COMMENT = "movielens marts, layout {}"


def marts_comment() -> str:
    """Returns the comment that marks a published file."""
    return _COMMENT.format(MARTS)


def marts_layout(comment: str | None) -> int:
    """Returns the layout that a comment tells; 0 for none, as earlier releases wrote none."""
    told = re.fullmatch(_COMMENT.format(r"(\d+)"), comment or "")
    return int(told[1]) if told else 0
