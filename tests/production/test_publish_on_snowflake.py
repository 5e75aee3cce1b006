"""Publishing on Snowflake: readers see one version in all marts, whatever happens to a publish."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ingestion.build.environments import CANDIDATE, PRODUCTION
from ingestion.engine import engine_of
from ingestion.errors import BusyError
from ingestion.home import make_home
from ingestion.operate.exclusive import exclusive_run
from ingestion.operate.steps import publish, rollback
from ingestion.plan.diff import diff, place_of
from ingestion.publish.publish import prune
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.lease import TABLE, acquire
from ingestion.warehouse.snowflake import SnowflakeWarehouse, _Session
from ingestion.warehouse.snowflake_login import snowflake_settings
from tests.support import forking
from tests.support.candidates import MARTS, build_candidate, version_of
from tests.support.crashing import KILLED, STEPPING, spread
from tests.support.plain_diff import compared
from tests.support.samples import samples

pytestmark = pytest.mark.slow
PUBLISHES = 20


def kept(settings: Settings) -> list[str]:
    """The versions that a rollback can return to, and the published one."""
    return [v.version for v in engine_of(settings).published().kept() if not v.is_held_back]


def seen(target: Warehouse) -> tuple[str | None, set[int]]:
    """What a reader sees at one moment: the current version, and the number in each mart."""
    union = " union all ".join(f"select number from marts.{mart}" for mart in MARTS)
    rows = target.fetch(
        f"select version, 0 from marts.current_version union all select '', * from ({union})"
    )
    versions = [version for version, _ in rows if version != ""]
    return versions[0], {number for version, number in rows if version == ""}


@pytest.fixture
def settings(
    snowflake: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    for name, value in snowflake.items():
        monkeypatch.setenv(name, value)
    return Settings(home=tmp_path / "home", target="prod", keep_versions=3, _env_file=None)


@pytest.fixture
def target(settings: Settings) -> Iterator[Warehouse]:
    made = engine_of(settings).warehouse()
    build_candidate(settings, 1)
    publish(settings)
    yield made


@pytest.fixture
def reader(target: Warehouse) -> Warehouse:
    """Another session, as the dashboard has one."""
    return SnowflakeWarehouse(snowflake_settings(), "reader")


def test_a_reader_during_many_publishes(
    settings: Settings, target: Warehouse, reader: Warehouse
) -> None:
    found: list[tuple[str | None, set[int]]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found.append(seen(reader))

    thread = threading.Thread(target=read)
    thread.start()
    last = PUBLISHES + 1
    for number in range(2, last + 1):
        build_candidate(settings, number)
        assert publish(settings).version == version_of(number)
    done.set()
    thread.join()
    numbers = [found_numbers for _, found_numbers in found]
    assert all(len(one) == 1 for one in numbers)
    assert all(version == version_of(*one) for version, one in found)
    order = [number for one in numbers for number in one]
    assert order == sorted(order)
    assert len(set(order)) > PUBLISHES // 3
    assert kept(settings) == [version_of(number) for number in (last - 2, last - 1, last)]


def test_a_reader_that_pinned_its_version_keeps_it(
    settings: Settings, target: Warehouse, reader: Warehouse
) -> None:
    pinned = seen(reader)[0]
    build_candidate(settings, 2)
    publish(settings)
    rows = reader.fetch(
        f"select number from marts.mart_genre_by_version where _version = '{pinned}'"
    )
    assert rows == [(1,)]
    assert seen(reader) == (version_of(2), {2})


def test_rollback_is_one_entry(settings: Settings, target: Warehouse, reader: Warehouse) -> None:
    build_candidate(settings, 2)
    publish(settings)
    assert rollback(settings).version == version_of(1)
    assert seen(reader) == (version_of(1), {1})
    assert publish(settings, again=False).held_back == version_of(2)
    assert seen(reader) == (version_of(1), {1})
    assert publish(settings).version == version_of(2)
    assert seen(reader) == (version_of(2), {2})


def test_a_mart_with_other_columns(
    settings: Settings, target: Warehouse, reader: Warehouse
) -> None:
    """Earlier versions stay, with null in the new column, and can be rolled back to."""
    build_candidate(settings, 2, "mean")
    publish(settings)
    both = "select _version, number, mean from marts.mart_tag_by_version order by 1"
    assert reader.fetch(both) == [(version_of(1), 1, None), (version_of(2), 2, 2)]
    rollback(settings)
    build_candidate(settings, 3)
    publish(settings)
    assert seen(reader) == (version_of(3), {3})


def test_a_holder_that_lost_its_lease_publishes_nothing(
    settings: Settings, target: Warehouse, reader: Warehouse
) -> None:
    lost = acquire(settings, take_over=True)
    build_candidate(settings, 2)
    acquire(settings, take_over=True)
    with pytest.raises(BusyError, match="took over the warehouse while this one was paused"):
        engine_of(settings).published().publish(lost.of(target), version_of(2), None)
    assert seen(reader) == (version_of(1), {1})
    assert publish(settings).version == version_of(2)
    assert seen(reader) == (version_of(2), {2})
    assert prune(settings) == []


def test_a_holder_that_lost_its_lease_changes_no_row(
    settings: Settings, target: Warehouse, reader: Warehouse
) -> None:
    """The new holder may have appended its rows already, and be about to write the entry."""
    lost = acquire(settings, take_over=True)
    build_candidate(settings, 2)
    acquire(settings, take_over=True)
    target.execute("insert into marts_store.mart_genre (_version, number) values ('of another', 7)")
    with pytest.raises(BusyError, match="took over the warehouse while this one was paused"):
        engine_of(settings).published().publish(lost.of(target), version_of(2), None)
    rows = reader.fetch("select _version from marts_store.mart_genre order by 1")
    assert rows == [(version_of(1),), ("of another",)]


def test_a_publish_is_one_transaction_that_begins_with_the_lease(
    settings: Settings, target: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_candidate(settings, 2)
    sent: list[str] = []
    own = _Session.execute

    def execute(session: _Session, sql: str) -> Any:
        sent.append(sql)
        return own(session, sql)

    monkeypatch.setattr(_Session, "execute", execute)
    publish(settings)
    changes = [
        at for at, sql in enumerate(sent) if re.match(r"(insert|delete)\b.*marts_store", sql)
    ]
    begin = max(at for at, sql in enumerate(sent[: changes[0]]) if sql == "begin")
    inside = sent[begin + 1 : sent.index("commit", begin)]
    assert inside[0].startswith(f"update {TABLE} ")
    assert [sent[at] for at in changes if sent[at] not in inside] == []
    assert any("count(*)" in sql for sql in inside)


def test_no_view_is_broken_while_a_mart_loses_a_column(
    settings: Settings, target: Warehouse, reader: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_candidate(settings, 2, "mean")
    publish(settings)
    build_candidate(settings, 3)
    own = _Session.execute
    looks = 0

    def execute(session: _Session, sql: str) -> Any:
        nonlocal looks
        answer = own(session, sql)
        if re.match(r"(create|alter|drop)\b", sql):
            looks += 1
            for mart in MARTS:
                for view in (mart, f"{mart}_by_version"):
                    own(other, f"select * from marts.{view}")
        return answer

    with reader.connect() as session:
        other = session
    monkeypatch.setattr(_Session, "execute", execute)
    publish(settings)
    assert looks >= 4 * len(MARTS)
    columns = "select column_name from information_schema.columns where lower(table_name) = "
    assert reader.fetch(f"{columns}'mart_genre' and lower(table_schema) = 'marts_store'") == [
        ("_VERSION",),
        ("NUMBER",),
    ]


def test_a_fraction_is_not_rounded_when_a_mart_has_other_columns(
    settings: Settings, target: Warehouse, reader: Warehouse
) -> None:
    for number, columns, row in (
        (2, "share number(9, 4)", [1.25]),
        (3, "share number(9, 4), more bigint", [2.5, 1]),
    ):
        target.replace_table(CANDIDATE, "mart_share", columns, [row])
        build_candidate(settings, number)
        publish(settings)
    shares = reader.fetch("select share from marts.mart_share_by_version order by _version")
    assert [float(share) for (share,) in shares] == [1.25, 2.5]


def test_a_step_may_take_longer_than_the_lease(settings: Settings, target: Warehouse) -> None:
    short = settings.model_copy(update={"lease_seconds": 1})
    other = settings.model_copy(update={"home": settings.home.with_name("other")})
    make_home(other.home)
    with exclusive_run(short) as run:
        held = run.lease(target)
        time.sleep(3)
        with pytest.raises(BusyError, match="Another run is in progress in this warehouse"):
            acquire(other)
        held.execute()
    acquire(other).release()


def test_a_lock_of_another_run_is_no_failure(target: Warehouse, reader: Warehouse) -> None:
    """Snowflake ends a statement that has waited for too long, or made others wait."""
    change = f"update {TABLE} set next_file_id = next_file_id + 1"
    with pytest.raises(BusyError, match="Another run was faster"), target.connect() as slow:
        slow.execute("begin")
        slow.execute(change)
        reader.execute(change)
        slow.execute(change)
    target.execute(change)


class Publish:
    """`movielens publish` as a process that counts its statements and files."""

    def __init__(self, settings: Settings, snowflake: Mapping[str, str], folder: Path) -> None:
        self._home, self._snowflake, self._folder = settings.home, snowflake, folder

    def __call__(self, asked: dict[str, object]) -> int:
        told = self._folder / "asked.json"
        told.write_text(json.dumps(asked))
        command = [
            sys.executable,
            "-P",
            str(STEPPING),
            str(told),
            "--",
            "publish",
            "--home",
            str(self._home),
        ]
        env = {**self._snowflake, "MOVIELENS_TARGET": "prod", "PATH": "/usr/bin:/bin"}
        unheard = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return forking.start(command, env=env, cwd=self._folder, **unheard).wait(120)

    def steps(self) -> list[str]:
        listed = self._folder / "steps.txt"
        assert self({"list": str(listed)}) == 0
        return listed.read_text().splitlines()


def kill_and_look(
    settings: Settings,
    target: Warehouse,
    reader: Warehouse,
    killed: Publish,
    steps: list[str],
    count: int,
) -> None:
    number = 2
    for at in spread(len(steps), count, random.Random()):
        number += 1
        build_candidate(settings, number)
        before = seen(reader)
        code = killed({"kill": at, "tell": str(settings.home / "where.txt")})
        assert code == KILLED, (at, steps[at - 1])
        assert seen(reader) in (before, (version_of(number), {number})), steps[at - 1]
        publish(settings)
        assert seen(reader) == (version_of(number), {number}), steps[at - 1]
        for mart in MARTS:
            rows = reader.fetch(f"select _version, count(*) from marts_store.{mart} group by 1")
            assert set(dict(rows).values()) == {1}, steps[at - 1]


@pytest.fixture
def killed(settings: Settings, snowflake: Mapping[str, str], tmp_path: Path) -> Publish:
    return Publish(settings, snowflake, tmp_path)


def test_a_publish_is_killed(
    settings: Settings, target: Warehouse, reader: Warehouse, killed: Publish
) -> None:
    build_candidate(settings, 2)
    steps = killed.steps()
    statements = [step for step in steps if step.startswith("before sql")]
    # With the same columns, nothing that readers have a grant on is made anew.
    assert not [step for step in statements if "create or replace" in step]
    assert [step for step in statements if "insert into marts_store._versions" in step]
    kill_and_look(settings, target, reader, killed, steps, 5)


@pytest.mark.xdist_group("killed-publishes")
def test_a_first_publish_is_killed(
    settings: Settings,
    snowflake: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Before it makes a schema, a table or a view, in a database of its own each time."""

    def prepared(at: int) -> Publish:
        name = f"FIRST_{at}"
        monkeypatch.setenv("SNOWFLAKE_DATABASE", name)
        build_candidate(settings, 1)
        return Publish(settings, {**snowflake, "SNOWFLAKE_DATABASE": name}, tmp_path)

    steps = prepared(0).steps()
    making = [at for at, step in enumerate(steps, 1) if step.startswith("before sql create")]
    assert len(making) > 3 * len(MARTS)
    for at in random.sample(making, samples(len(making) // 6, nightly=len(making))):
        killed = prepared(at)
        assert killed({"kill": at, "tell": str(tmp_path / "where.txt")}) == KILLED, steps[at - 1]
        publish(settings)
        reader = SnowflakeWarehouse(snowflake_settings(), "reader")
        assert seen(reader) == (version_of(1), {1}), steps[at - 1]
        for mart in MARTS:
            rows = reader.fetch(f"select _version, number from marts.{mart}_by_version")
            assert rows == [(version_of(1), 1)], steps[at - 1]


@pytest.mark.xdist_group("killed-publishes")
def test_a_publish_is_killed_at_many_steps(
    settings: Settings, target: Warehouse, reader: Warehouse, killed: Publish
) -> None:
    build_candidate(settings, 2)
    kill_and_look(settings, target, reader, killed, killed.steps(), samples(10, nightly=60))


def test_a_diff_says_what_plain_python_says(target: Warehouse, settings: Settings) -> None:
    """Random marts, published and then another candidate, which lacks a mart and has a new one."""
    of = random.Random(11)
    before = {f"mart_{n}": table(of) for n in range(6)}
    for mart, rows in before.items():
        target.replace_table(CANDIDATE, mart, RANDOM, rows)
    build_candidate(settings, 2)
    publish(settings)
    after = {mart: edited(rows, of) for mart, rows in before.items() if mart != "mart_0"}
    target.execute(f"drop table {CANDIDATE}.mart_0")
    for mart, rows in [*after.items(), ("mart_7", table(of))]:
        target.replace_table(CANDIDATE, mart, RANDOM, rows)
    build_candidate(settings, 3, "more")

    seen, candidate = engine_of(settings).published().place(), place_of(target, PRODUCTION)
    assert seen is not None
    with target.connect() as connection:
        keys = {"mart_1": ("id",), "mart_2": ("id", "name"), "mart_3": ("id",)}
        found = diff(connection, seen, candidate, keys)

    assert (found.before.version, found.after.version) == (version_of(2), version_of(3))
    told = {mart.mart: mart for mart in found.marts}
    assert (told["mart_0"].change, told["mart_0"].removed) == ("gone", len(before["mart_0"]))
    assert told["mart_7"].change == "new"
    assert [column.column for column in told["mart_genre"].columns] == ["number", "more"]
    for mart, rows in after.items():
        counts = (told[mart].added, told[mart].removed, told[mart].changed)
        old, new = (
            [dict(zip(NAMES, row, strict=True)) for row in each] for each in (before[mart], rows)
        )
        assert (*counts, {c.column: c.rows for c in told[mart].columns}) == compared(
            old, new, keys.get(mart)
        )[:4]


RANDOM = "id bigint, name varchar, score double, given_at timestamp"
NAMES = [column.split()[0] for column in RANDOM.split(", ")]


def table(of: random.Random) -> list[list[object]]:
    """Rows whose first column tells them apart."""
    return [
        [n, of.choice("abc"), of.choice((None, 0.1, 0.25)), f"2026-01-0{of.randint(1, 9)}"]
        for n in of.sample(range(40), 20)
    ]


def edited(rows: list[list[object]], of: random.Random) -> list[list[object]]:
    """The rows with other values here and there, some removed and some added."""
    other = {row[0]: row for row in table(of)}
    kept = [[row[0], *other.get(row[0], row)[1:]] for row in rows if of.random() < 0.8]
    there = {row[0] for row in rows}
    return kept + [row for key, row in other.items() if key not in there]
