"""Which of several cases `make test` runs, which CI, and which only the nightly tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

NIGHTLY = (pytest.mark.slow, pytest.mark.nightly)


def slow_except(quick: object, cases: Iterable[Any]) -> list[Any]:
    """Parameters of a test: one case for `make test`, the others for `make test-long` only."""
    return [pytest.param(case, marks=() if case == quick else pytest.mark.slow) for case in cases]


def nightly_except(long: Iterable[Any], cases: Iterable[Any]) -> list[Any]:
    """Parameters of a test: some cases for `make test-long`, the others for each night only."""
    kept = list(long)
    return [
        pytest.param(case, marks=pytest.mark.slow if case in kept else NIGHTLY) for case in cases
    ]
