"""Which of several cases `make test` runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow_except(quick: str, cases: Iterable[str]) -> list[Any]:
    """Parameters of a test: one case for `make test`, the others for `make test-long` only."""
    return [pytest.param(case, marks=() if case == quick else pytest.mark.slow) for case in cases]
