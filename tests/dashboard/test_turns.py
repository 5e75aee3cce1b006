"""Runs of pages take turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from dashboard import marts
from dashboard.page_parts import turn


def together(part: Callable[[], None], n: int) -> None:
    threads = [threading.Thread(target=part) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)


def test_no_more_runs_are_computed_at_once_than_the_engine_says(pinned: None) -> None:
    running, most, changing = 0, 0, threading.Lock()

    def run() -> None:
        nonlocal running, most
        # A fragment in a page shares the turn of its page.
        with turn(), turn():
            with changing:
                running += 1
                most = max(most, running)
            time.sleep(0.01)
            with changing:
                running -= 1

    together(run, 12)
    assert most == marts.at_once() == 2


def test_a_run_that_fails_gives_its_turn_back(pinned: None) -> None:
    for _ in range(5):
        with pytest.raises(marts.VersionGone), turn():
            raise marts.VersionGone
    ended: list[int] = []

    def run() -> None:
        with turn():
            ended.append(1)

    together(run, 3)
    assert len(ended) == 3
