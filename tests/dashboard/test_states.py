"""What a visitor reads, and the log tells the operator, when the marts cannot be read."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support import marts_fixture
from tests.support.pages import words

OpenPage = Callable[..., AppTest]
LAST_GOOD = "you see the last good version"


def gives_nothing_away(said: str, home: Path) -> bool:
    told = (str(home), "marts.duckdb", "select", "Traceback", "Error", socket.gethostname())
    return not [word for word in told if word in said]


def damage(file: Path, at: float) -> None:
    """Replaces the file by a copy of it with one part overwritten."""
    content = bytearray(file.read_bytes())
    begin = int(len(content) * at)
    content[begin : begin + 8192] = os.urandom(8192)
    beside = file.with_suffix(".damaged")
    beside.write_bytes(content)
    beside.replace(file)


@pytest.mark.parametrize("page", ["overview", "films", "data"])
def test_a_file_that_turns_bad_leaves_the_last_good_data_marked_stale(
    open_page: OpenPage, fresh_caches: None, tmp_path: Path, page: str
) -> None:
    file = marts_fixture.write_marts(tmp_path)
    app = open_page(tmp_path, page)
    before = words(app)
    assert LAST_GOOD not in before
    beside = tmp_path / "beside"
    beside.write_bytes(b"this is no database")
    beside.replace(file)
    app.run()
    assert not app.exception
    assert not app.error
    assert LAST_GOOD in app.warning[0].value
    assert gives_nothing_away(app.warning[0].value, tmp_path)
    warned = app.warning[0].value.splitlines()
    assert [line for line in words(app).splitlines() if line not in warned] == before.splitlines()
    marts_fixture.write_marts(tmp_path, marts_fixture.Build(version="repaired"))
    app.run()
    assert LAST_GOOD not in words(app)
    assert any("version repaired" in text.value for text in app.markdown)


@pytest.mark.parametrize("gone", ["file", "folder"])
def test_a_file_that_goes_away_leaves_the_last_good_data_marked_stale(
    open_page: OpenPage, fresh_caches: None, tmp_path: Path, gone: str
) -> None:
    """A mount may fail for a moment; another page than the one shown answers, too."""
    home = tmp_path / "home"
    file = marts_fixture.write_marts(home)
    open_page(home)
    if gone == "file":
        file.rename(tmp_path / "away")
    else:
        home.rename(tmp_path / "away")
    app = open_page(home, "films", film="1")
    assert_no_harm(app)
    assert LAST_GOOD in app.warning[0].value
    assert app.title[0].value == "Toy Story \\(1995\\)"
    marts_fixture.write_marts(home, marts_fixture.Build(version="mounted again"))
    app.run()
    assert LAST_GOOD not in words(app)
    assert "mounted again" in words(app)


def assert_no_harm(app: AppTest) -> None:
    assert not app.exception
    assert not app.error
    assert "Nothing is published" not in words(app)


@pytest.mark.parametrize("at", [0.0, 0.05, 0.2, 0.4, 0.6, 0.8])
def test_a_damaged_file_in_a_fresh_process(
    open_page: OpenPage, fresh_caches: None, tmp_path: Path, at: float
) -> None:
    damage(marts_fixture.write_marts(tmp_path), at)
    app = open_page(tmp_path)
    assert not app.exception
    assert "This page failed" not in words(app)
    said = "\n".join(element.value for element in (*app.error, *app.warning))
    assert gives_nothing_away(said, tmp_path)


_EMPTY = "delete from mart_dataset_status"
# What was done to the marts, what the page says then, and what the log tells the operator.
STATES = {
    "nothing": ("", "Nothing is published yet", "No marts are published. `movielens demo`"),
    "corrupt": (
        "",
        "The published data cannot be read",
        "The published marts cannot be read. `movielens doctor`",
    ),
    "one mart missing": (
        "drop table mart_genre",
        "mart_genre is not among the published marts",
        "mart_genre is not published, or lacks a column. `movielens run`",
    ),
    "no status": (
        _EMPTY,
        "mart_dataset_status is missing",
        "mart_dataset_status is missing. `movielens run`",
    ),
    "stale": (
        "update mart_dataset_status set built_at = built_at - interval 40 day",
        "These data are stale: they were built 40 days ago",
        "The published marts are stale. `movielens run`",
    ),
    "generated": (
        "update mart_dataset_status set is_generated = true",
        "Generated data: not real people, not real ratings",
        "",
    ),
}
_FORKS = """
import json, os, sys
from streamlit.testing.v1 import AppTest
from tests.support.pages import words
import dashboard.marts_duckdb

for state, home in json.load(sys.stdin).items():
    if os.fork() == 0:
        os.environ["MOVIELENS_HOME"] = home
        app = AppTest.from_file(sys.argv[1], default_timeout=60).run()
        said = [words(app), *(str(element.value) for element in app.exception)]
        sys.stdout.write(json.dumps([state, *said]) + "\\n")
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


@pytest.mark.slow
def test_every_state_in_a_process_of_its_own(tmp_path: Path) -> None:
    homes = {state: tmp_path / state for state in STATES}
    for state, (change, *_) in STATES.items():
        homes[state].mkdir()
        if state == "corrupt":
            (homes[state] / "marts.duckdb").write_bytes(b"this is no database")
        elif state != "nothing":
            marts_fixture.write_marts(homes[state], change=change)
    folders = [str(marts_fixture.PROJECT), str(Path(marts_fixture.__file__).parent)]
    done = subprocess.run(
        [sys.executable, "-c", _FORKS, str(marts_fixture.PROJECT / "dashboard" / "app.py")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders), "MOVIELENS_TARGET": "dev"},
        input=json.dumps({state: str(home) for state, home in homes.items()}),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [state for state, *_ in answers] == list(STATES)
    for state, said, *exceptions in answers:
        assert exceptions == []
        _, to_visitor, to_operator = STATES[state]
        assert to_visitor in said
        assert "`movielens" not in said
        assert gives_nothing_away(said, tmp_path)
        assert done.stderr.count(to_operator or "never in the log") == bool(to_operator), state
        shows_numbers = state not in ("nothing", "corrupt", "no status")
        assert ("571 ratings" in said) == shows_numbers, state
