"""A landing zone that was run on both targets, once; each module has the outcome to itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.support.both_targets import Production, run_on_both, started
from tests.support.templates import template


@pytest.fixture(scope="module")
def production(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Production]:
    """A copy of all but the landing zone, which stays in its place, so no test may change it."""
    once = template(tmp_path_factory, "production", run_on_both)
    folder = tmp_path_factory.mktemp("production") / "copy"
    but_the_zone = shutil.ignore_patterns("zone")
    shutil.copytree(once, folder, ignore=but_the_zone, copy_function=shutil.copy2)
    made = started(folder, once / "zone")
    yield made
    made.account.stop()
