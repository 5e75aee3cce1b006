"""The suite runs as a whole, and in groups: what shares a costly fixture runs on one worker."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def test_pytest_enters_every_folder_with_tests(pytestconfig: pytest.Config) -> None:
    folders = {part for file in TESTS.rglob("test_*.py") for part in file.relative_to(TESTS).parts}
    never: list[str] = pytestconfig.getini("norecursedirs")
    assert [name for name in folders for pattern in never if fnmatch(name, pattern)] == []


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="runs in one process")
@pytest.mark.xdist_group("groups")
def test_a_group_of_tests_stays_on_one_worker(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@groups"), "pytest-xdist does not see the groups"
