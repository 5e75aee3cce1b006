"""What makes the suite fast works: whatever shares an expensive fixture runs on one worker."""

from __future__ import annotations

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="runs in one process")
@pytest.mark.xdist_group("groups")
def test_a_group_of_tests_stays_on_one_worker(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@groups"), "pytest-xdist does not see the groups"
