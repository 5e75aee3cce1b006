"""The documentation is true: README commands run, and everything public is described."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

import click
import pytest
import yaml

from ingestion.cli import main
from ingestion.settings import Settings
from local_dev.servers import free_port
from tests.support.checkout import copy_of_checkout
from tests.support.cli import Cli
from tests.support.commands import leaves

PROJECT = Path(__file__).resolve().parent.parent
README = (PROJECT / "README.md").read_text()


def _blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def _commands() -> list[list[str]]:
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def _parse(words: list[str]) -> None:
    """Parses a full command line of `movielens`, and runs nothing."""
    command, name = cast("click.Command | None", main), "movielens"
    while isinstance(command, click.Group):
        found, command, words = command.resolve_command(click.Context(command), words)
        name = str(found)
    assert command is not None
    command.make_context(name, list(words))


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_every_readme_command_is_there(words: list[str]) -> None:
    """That they run, block after block, is `test_the_readme_runs_as_written`'s."""
    if words[0] == "movielens":
        _parse(words[1:])
    elif words[0] == "make":
        command = ["make", "-n", "-C", str(PROJECT), *words[1:]]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    else:
        assert words[0] in ("source", "export")


def _shell(folder: Path) -> dict[str, str]:
    """A shell that shares nothing with this checkout's environment but uv and its cache."""
    tools = folder / "tools"
    tools.mkdir()
    uv = shutil.which("uv", path=f"{PROJECT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert uv
    (tools / "uv").symlink_to(uv)
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True)
    path = [
        part
        for part in os.environ["PATH"].split(os.pathsep)
        if not (Path(part) / "movielens").exists()
    ]
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MOVIELENS_", "PYTEST_", "VIRTUAL_ENV", "DLT_"))
    }
    return {
        **inherited,
        "PATH": os.pathsep.join([str(tools), *path]),
        "HOME": str(folder),
        "UV_CACHE_DIR": cache.stdout.strip(),
        # The demo ends when all is published, as it does wherever there is no terminal.
        "CI": "1",
        # `make test` installs, lints Python and checks types. It stops short of running the tests
        # and of linting SQL, which is the same as here.
        "PYTEST_ADDOPTS": "--collect-only --quiet",
        "MAKEFLAGS": "LINTERS=lint-python",
    }


@pytest.mark.xdist_group("readme")
@pytest.mark.slow
def test_the_readme_runs_as_written(tmp_path: Path) -> None:
    """Every `sh` block and then the Python block, in one shell, in a copy of this checkout."""
    (script,) = _blocks("python")
    # Ctrl-C for a reader who has seen enough; on a port that nobody has.
    served = f"timeout --preserve-status -s INT 20 movielens dashboard --port {free_port()}"
    blocks = re.sub(r"^movielens dashboard\b", served, "".join(_blocks("sh")), flags=re.MULTILINE)
    copy = copy_of_checkout(tmp_path / "movielens")
    # mypy looks at every file, and checks again what is not as it was here.
    with contextlib.suppress(FileNotFoundError):
        shutil.copytree(PROJECT / ".mypy_cache", copy / ".mypy_cache")
    done = subprocess.run(
        ["bash", "-e", "-u", "-c", f"set -x\n{blocks}\npython - <<'END'\n{script}\nEND"],
        cwd=copy,
        env=_shell(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert served in done.stderr
    assert done.stdout.count("\nNothing to do: ") == 1
    assert re.search(r"^0 rows, 0 rejected, ", done.stdout, re.MULTILINE)
    assert re.search(r"^\[20000 rows x \d+ columns\]", done.stdout, re.MULTILINE)


def _commands_of_pages() -> list[tuple[str, str]]:
    pages = sorted((PROJECT / "docs").glob("*.md"))
    return [
        (page.name, line.removeprefix(".venv/bin/"))
        for page in pages
        for block in _blocks("sh", page.read_text())
        for line in block.splitlines()
        if line.removeprefix(".venv/bin/").startswith("movielens ")
    ]


@pytest.mark.parametrize(("page", "line"), _commands_of_pages())
def test_every_command_of_the_pages_is_there(
    page: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ml-latest-small").mkdir()
    _parse(shlex.split(line, comments=True)[1:])


@pytest.mark.slow
def test_the_tutorial_runs_as_written(cli: Cli) -> None:
    """Every block after the installation, in one shell and an empty folder."""
    text = (PROJECT / "docs" / "tutorial.md").read_text()
    before, *blocks = _blocks("sh", text)
    assert "pip install" in before
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    script = "\n".join(
        f"{line}\n{{ code=$?; [ $code -eq {expected} ] || exit 99; }}"
        for line in lines
        for expected in re.findall(r"# exit code (\d+)$", line) or ["0"]
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-u", "-c", f"set -x\n{script}"],
        cwd=cli.folder,
        env=cli.environment({"PATH": path}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    # What the text around the blocks says.
    for said in ("Nothing to do: ", "1 rejected", "https://m.imdb.com/", "mart_genre"):
        assert said in done.stdout, said
    assert "assert_each_genre_agrees_with_its_films" in done.stdout + done.stderr


def test_readme_names_only_marts_that_there_are() -> None:
    """All of them, each with its grain, are in models/mart/; another test holds them to that."""
    built = {path.stem for path in (PROJECT / "models" / "mart").glob("*.sql")}
    assert set(re.findall(r"`(mart_\w+)`", README)) <= built


def test_readme_pictures_are_there() -> None:
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (PROJECT / picture).stat().st_size > 10_000


def test_what_the_pages_name_is_there() -> None:
    """Benchmarks, tests and files that a page tells its reader to run or to read."""
    for page in [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]:
        text = page.read_text()
        for module in re.findall(r"python -m ([\w.]+)", text):
            assert (PROJECT / f"{module.replace('.', '/')}.py").exists(), f"{page.name}: {module}"
        for path in re.findall(r"`((?:tests|macros|ingestion|models)/[\w./]+)`", text):
            assert (PROJECT / path).exists(), f"{page.name}: {path}"


def _described() -> list[tuple[str, str, str]]:
    found = []
    for path in sorted((PROJECT / "models").rglob("*.yml")):
        content = yaml.safe_load(path.read_text())
        tables = [
            *content.get("models", []),
            *(table for source in content.get("sources", []) for table in source["tables"]),
        ]
        for table in tables:
            found.append((table["name"], "", table.get("description", "")))
            for column in table.get("columns", []):
                found.append((table["name"], column["name"], column.get("description", "")))
    return found


def test_every_model_and_column_is_described() -> None:
    described = _described()
    assert [(table, column) for table, column, text in described if not text.strip()] == []
    models = {path.stem for path in (PROJECT / "models").rglob("*.sql")}
    assert models <= {table for table, _, _ in described}


@pytest.mark.parametrize(("name", "command"), leaves(main), ids=lambda value: str(value))
def test_every_command_has_an_example_and_json(name: str, command: click.Command) -> None:
    assert f"movielens {name}" in (command.help or "")
    assert "--json" in {option for parameter in command.params for option in parameter.opts}


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        ("requirements.lock", 150),
        ("requirements-sqlmesh.lock", 51),
        ("requirements-security.lock", 30),
        ("requirements-docs.lock", 20),
        ("dashboard/requirements.lock", 30),
        ("dashboard/requirements-snowflake.lock", 40),
    ],
)
def test_locked_versions_carry_hashes_and_no_addresses(name: str, at_least: int) -> None:
    lock = (PROJECT / name).read_text()
    pinned = re.findall(r"^([\w.-]+)==[^\s;]+.*\\\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE)) >= at_least
    assert "://" not in lock
