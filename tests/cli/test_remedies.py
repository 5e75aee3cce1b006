"""A remedy can be pasted, and repeats the command its reader typed."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from ingestion.errors import SettingsError
from ingestion.operate.steps import load
from ingestion.remedies import again, command
from ingestion.settings import Settings
from tests.support.cli import PROGRAM, Cli
from tests.support.landing_zone import MOVIES, rows_in_files, rows_that_count, write


@pytest.fixture
def zones(tmp_path: Path) -> tuple[Path, Path]:
    first, other = tmp_path / "first", tmp_path / "the other"
    write(first, movies=MOVIES)
    write(other, movies=MOVIES + "9,New,x\n")
    return first, other


ON_THE_PATH = {"PATH": f"{PROGRAM.parent}:/usr/bin:/bin"}


def pasted(cli: Cli, remedy: str, expected: str) -> None:
    """Runs what the remedy says after its last colon."""
    line = remedy.rpartition(": ")[2].strip()
    assert line == expected
    done = cli(*shlex.split(line)[1:])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("typed", ["load", "run"])
def test_another_landing_zone_is_switched_to_with_the_command_that_was_typed(
    cli: Cli, zones: tuple[Path, Path], tmp_path: Path, typed: str
) -> None:
    first, other = zones
    home = tmp_path / "my home"
    assert cli("load", "--home", home, "--source", first).returncode == 0
    given = (typed, "--home", str(home), "--target=dev", "--source", str(other))
    done = cli(*given, env=ON_THE_PATH)
    assert done.returncode == 2
    if typed == "load":
        pasted(cli, done.stderr, shlex.join(["movielens", *given, "--switch-source"]))
        found = rows_that_count(home / "warehouse.duckdb", "movies")
        assert found == rows_in_files(other / "movies.csv")
    else:
        line = done.stderr.rpartition(": ")[2].strip()
        assert line == shlex.join(["movielens", *given, "--switch-source"])


def test_a_demo_cannot_switch_and_names_the_command_that_can(
    cli: Cli, zones: tuple[Path, Path], tmp_path: Path
) -> None:
    first, other = zones
    assert cli("load", "--home", "h", "--source", first).returncode == 0
    done = cli("demo", "--home", "h", "--source", other, env=ON_THE_PATH)
    assert done.returncode == 2
    zone = shlex.quote(f"file://{other}")
    pasted(cli, done.stderr, f"movielens load --source {zone} --switch-source --home h")


def test_a_program_that_is_not_on_the_path_is_named_by_what_was_typed(
    cli: Cli, zones: tuple[Path, Path]
) -> None:
    first, other = zones
    assert cli("load", "--source", first).returncode == 0
    assert shutil.which("movielens", path="/usr/bin:/bin") is None
    done = cli("load", "--source", other, env={"PATH": "/usr/bin:/bin"})
    assert f"{PROGRAM} load --source " in done.stderr


def test_another_command_is_named_for_the_same_home(cli: Cli, tmp_path: Path) -> None:
    done = cli("publish", "--home", "my home", env=ON_THE_PATH)
    assert done.stderr.endswith("What to do: movielens build --home 'my home'\n")
    made = cli("data", "generate", "my zone", "--ratings", "1000", "--home", "h", env=ON_THE_PATH)
    assert "Load it:   movielens run --source 'my zone' --home h\n" in made.stdout


def test_who_uses_the_library_typed_nothing(zones: tuple[Path, Path], settings: Settings) -> None:
    first, other = zones
    load(str(first), settings=settings)
    with pytest.raises(SettingsError) as raised:
        load(str(other), settings=settings)
    zone = shlex.quote(f"file://{other}")
    assert raised.value.remedy.endswith(f": movielens load --source {zone} --switch-source")
    assert command("build") == "movielens build"
    assert again("--take-over", otherwise=("run",)) == "movielens run --take-over"
