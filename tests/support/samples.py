"""How many examples of a random test each suite tries.

CI draws other examples each time; the nightly tests draw many more.
"""

from __future__ import annotations

import os

NIGHTLY = "NIGHTLY_TESTS"


def samples(each_time: int, *, nightly: int) -> int:
    """The number of examples, kills or steps to try.

    Args:
        each_time: By `make test-long`.
        nightly: By `make test-nightly`.
    """
    return nightly if os.environ.get(NIGHTLY) else each_time
