"""What tests of several areas share."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from ingestion.settings import Settings

# Whoever is started in the background of a shell ignores Ctrl-C, and so would what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROGRAM = Path(sys.executable).parent / "movielens"
# A real release, where there is one; it is no part of the project.
REAL = Path(
    os.environ.get(
        "MOVIELENS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data" / "ml-latest-small"
    )
)


# The files that take longest, in which one test follows the other on one worker.
LONGEST = ("test_run_on_snowflake.py", "test_as_of.py", "test_commands.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with what takes longest, so that no worker waits for the other at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of its own; nothing from the environment of whoever runs the tests."""
    return Settings(home=tmp_path / "home", source=str(tmp_path / "zone"), _env_file=None)


class Cli:
    """The installed `movielens`, each call a process of its own.

    It starts in an empty folder and inherits no setting.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if "MOVIELENS" not in name}
        return {**own, **(more or {})}

    def __call__(
        self, *arguments: object, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(PROGRAM), *map(str, arguments)],
            env=self.environment(env),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,  # ends what hangs; on a busy machine a production run takes minutes
            **options,
        )
        assert "Traceback" not in done.stderr + done.stdout
        return done

    def start(
        self, *arguments: object, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(PROGRAM), *map(str, arguments)],
            env=self.environment(env),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def json(
        self, *arguments: object, exit_code: int = 0, env: Mapping[str, str] | None = None
    ) -> Any:
        """Calls with --json; stdout must be one JSON object, and nothing else."""
        done = self(*arguments, "--json", env=env)
        assert done.returncode == exit_code, done.stdout + done.stderr
        assert done.stdout.count("\n") == 1
        return json.loads(done.stdout)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line, in an empty folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    return Cli(folder)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with generated data in `zone`, published from `home`; made once for all workers."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "built"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            folder.mkdir()
            call = Cli(folder)
            making = ("data", "generate", "zone", "--ratings", "1000", "--seed", "1")
            for arguments in (making, ("run", "--home", "home", "--source", "zone")):
                done = call(*arguments)
                assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def snowflake_stand_in() -> Iterator[dict[str, str]]:
    """A Snowflake on this machine, one for each worker."""
    from local_dev.snowflake import snowflake_server

    with snowflake_server() as variables:
        yield variables


@pytest.fixture
def snowflake(snowflake_stand_in: dict[str, str]) -> dict[str, str]:
    """What a client needs to reach it, with an empty database of the test's own."""
    return {**snowflake_stand_in, "SNOWFLAKE_DATABASE": f"T{uuid.uuid4().hex[:12]}".upper()}


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    """A copy of the built home, to be changed by one test."""
    return shutil.copytree(built / "home", tmp_path / "home", copy_function=shutil.copy2)
