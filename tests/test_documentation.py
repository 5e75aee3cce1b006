"""What is written is true: README commands run, and everything public is described."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from ingestion.cli import main
from ingestion.settings import Settings

PROJECT = Path(__file__).resolve().parent.parent
README = (PROJECT / "README.md").read_text()
# What serves until it is stopped; tests/dashboard opens it in a browser.
SERVING = {"movielens dashboard"}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def _commands() -> list[str]:
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    return [line.split("  #")[0].strip() for line in lines if line.strip()]


def _environment(home: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # dlt keeps the working folders of pipelines under the user's home, unless it is told where.
    own = {"MOVIELENS_HOME": str(home / ".movielens"), "DLT_DATA_DIR": str(home / "dlt")}
    return {**os.environ, "PATH": path, **own}


def test_every_readme_command_runs_in_its_order(tmp_path: Path) -> None:
    ran = []
    for command in _commands():
        name, *arguments = shlex.split(command)
        if command in SERVING:
            command, arguments = f"{command} --help", [*arguments, "--help"]
        if name == "make":
            # They run this test; .ci/run runs both for real. Here: the target is there.
            name, arguments = "make", ["-n", "-C", str(PROJECT), *arguments]
        done = subprocess.run(
            [name, *arguments],
            cwd=tmp_path,
            env=_environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        ran.append((command, done.stdout))
    again = [output for command, output in ran if command == "movielens run --source landing"]
    assert again[1].startswith("Nothing to do")
    scripts = _blocks("python")
    assert len(scripts) == 1
    done = subprocess.run(
        [sys.executable, "-c", scripts[0]],
        cwd=tmp_path,
        env=_environment(tmp_path / "library"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert " 0 rejected" in done.stdout


def test_readme_names_every_mart() -> None:
    built = {path.stem for path in (PROJECT / "models" / "mart").glob("*.sql")}
    assert set(re.findall(r"`(mart_\w+)`", README)) == built


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


def _leaves(group: click.Group, path: str = "") -> list[tuple[str, click.Command]]:
    context = click.Context(group)
    leaves = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            leaves += _leaves(command, f"{name} ")
        else:
            leaves.append((path + name, command))
    return leaves


@pytest.mark.parametrize(("name", "command"), _leaves(main), ids=lambda value: str(value))
def test_every_command_has_an_example_and_json(name: str, command: click.Command) -> None:
    assert f"movielens {name}" in (command.help or "")
    assert "--json" in {option for parameter in command.params for option in parameter.opts}


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_locked_versions_carry_hashes_and_no_addresses() -> None:
    lock = (PROJECT / "requirements.lock").read_text()
    pinned = re.findall(r"^([\w.-]+)==[^\s;]+.*\\\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE)) > 50
    assert "://" not in lock
