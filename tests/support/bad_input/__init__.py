"""Bad files, with the expected and the actual outcome of each.

Every case is one file (or thing) in a folder of its own. All cases of the same settings lie in one
landing zone beside six good files and are loaded at once, so that each also shows that it takes no
other file with it.
"""

from __future__ import annotations

from dataclasses import replace

from tests.support.bad_input import archives, encodings, headers, names, numbers, text
from tests.support.bad_input.builders import Case

FAMILIES: dict[str, list[Case]] = {
    **text.FAMILIES,
    **numbers.FAMILIES,
    **headers.FAMILIES,
    **encodings.FAMILIES,
    **archives.FAMILIES,
    **names.FAMILIES,
}
CASES = [replace(case, family=family) for family, cases in FAMILIES.items() for case in cases]
