"""What tests of several areas share."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as examples

from ingestion.operate.run import run
from ingestion.settings import Settings
from tests.support import forking
from tests.support.cli import Cli
from tests.support.templates import template

# An example takes as long as the machine is busy.
examples.register_profile("default", deadline=None)
examples.load_profile("default")

# Containers often forbid Python to keep what it has compiled. Then every command that a test starts
# would compile this project anew, and every worker would rewrite the asserts of all tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Whoever is started in the background of a shell ignores Ctrl-C, and so would what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps what shares a module's or a template's fixtures on one worker.

    A file is a group, unless it names groups of its own. Those take longest, so they come first,
    and no worker waits for the other at the end. Nor at the beginning: while one makes `built`, the
    other goes through histories, which start from nothing.
    """
    forking.expect(len(items))
    items.sort(key=_turn)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(TESTS))))


def pytest_collection_finish() -> None:
    """What all tests share is not searched for garbage again and again."""
    gc.collect()
    gc.freeze()


def _turn(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    return {"audit": 0, "histories": 1}.get(group.args[0], 2) if group else 3


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A separate home; nothing comes from the environment of the tests."""
    return Settings(home=tmp_path / "home", source=str(tmp_path / "zone"), _env_file=None)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line, in an empty folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    return Cli(folder)


@pytest.fixture
def program(cli: Cli) -> Cli:
    """The command line in the same folder, as an interpreter that has imported nothing."""
    return Cli(cli.folder, fresh=True)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with generated data in `zone`, published from `home`; made once for all workers."""

    def make(folder: Path) -> None:
        call = Cli(folder)
        making = ("data", "generate", "zone", "--ratings", "1000", "--seed", "1")
        for arguments in (making, ("run", "--home", "home", "--source", "zone")):
            done = call(*arguments)
            assert done.returncode == 0, done.stderr

    return template(tmp_path_factory, "built", make)


@pytest.fixture(scope="session")
def snowflake_stand_in() -> Iterator[dict[str, str]]:
    """A Snowflake on this machine, one for each worker."""
    from local_dev.snowflake import snowflake_server

    with snowflake_server() as variables:
        yield variables


@pytest.fixture
def snowflake(snowflake_stand_in: dict[str, str]) -> dict[str, str]:
    """The variables to reach it, with an empty database for this test."""
    return {**snowflake_stand_in, "SNOWFLAKE_DATABASE": f"T{uuid.uuid4().hex[:12]}".upper()}


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    """A copy of the built home, to be changed by one test."""
    return shutil.copytree(built / "home", tmp_path / "home", copy_function=shutil.copy2)


@pytest.fixture(scope="session")
def _published_once(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `home`, published from the landing zone `zone`, and that zone as `kept`."""
    folder = tmp_path_factory.mktemp("published")
    for name in ("zone", "kept"):
        shutil.copytree(built / "zone", folder / name)
    run(Settings(home=folder / "home", source=str(folder / "zone"), _env_file=None))
    return folder


@pytest.fixture
def home_and_zone(_published_once: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A copy of a home, and its landing zone, both to be changed by one test.

    A warehouse knows where its landing zone is. So that stays in its place, and tests that change
    it are of one group, `environments`.
    """
    zone = _published_once / "zone"
    shutil.rmtree(zone, ignore_errors=True)  # the test before may have removed it
    shutil.copytree(_published_once / "kept", zone)
    home = shutil.copytree(_published_once / "home", tmp_path / "home", copy_function=shutil.copy2)
    return home, zone
