"""The wheel is the whole product: installed anywhere, it needs no checkout."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.project import PARTS
from local_dev.servers import free_port, process_on
from tests.support.checkout import PROJECT, copy_of_checkout
from tests.support.marks import nightly_except
from tests.support.templates import template

pytestmark = pytest.mark.xdist_group("wheel")

SHIPPED = "ingestion/shipped/"
# The page as a visitor's browser gets it, without one.
VISIT = """
import sys
from streamlit.testing.v1 import AppTest
page = AppTest.from_file(sys.argv[1], default_timeout=120).run()
assert not page.exception and not page.error, (page.exception, page.error)
print(len(page.metric), "figures")
"""


def _build(target: str, checkout: Path, to: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", to]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the project's own build backend, of what a clone would hold."""

    def make(folder: Path) -> None:
        _build("wheel", copy_of_checkout(folder / "clone"), folder / "dist")

    (built,) = (template(tmp_path_factory, "wheel", make) / "dist").glob("*.whl")
    return built


def _files(part: str) -> list[str]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", part]
    done = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if (PROJECT / name).exists()]


def test_the_wheel_has_the_whole_project_inside_its_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        for part in (*PARTS, ".streamlit/config.toml"):
            files = _files(part)
            assert files, part
            for name in files:
                assert opened.read(SHIPPED + name) == (PROJECT / name).read_bytes()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        *("ingestion", "local_dev", "dashboard"),
    }
    copies = {name.removeprefix(SHIPPED) for name in names if name.startswith(SHIPPED)}
    assert copies == {name for part in (*PARTS, ".streamlit/config.toml") for name in _files(part)}


def _uv() -> str:
    found = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
    assert found
    return found


def _wanted(wheel: Path, extras: str) -> str:
    return f"movielens-warehouse{extras} @ {wheel.as_uri()}"


def _environment() -> dict[str, str]:
    """Nothing of this environment or of its settings."""
    own = ("MOVIELENS_", "PYTEST_", "VIRTUAL_ENV", "PYTHON", "DLT_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return {**inherited, "CI": "1"}


class Installed:
    """The wheel in an environment of its own, used in a folder of its own."""

    def __init__(self, folder: Path, wheel: Path, extras: str = "") -> None:
        self._bin = folder / "venv" / "bin"
        self.folder = folder / "empty"
        self.folder.mkdir()
        venv = ["venv", "--quiet", "--python", sys.executable, folder / "venv"]
        wanted = _wanted(wheel, extras)
        for arguments in (venv, ["pip", "install", "--python", self._bin / "python", wanted]):
            done = self._process(_uv(), *arguments)
            assert done.returncode == 0, done.stderr

    def _process(self, *arguments: object, where: Path | None = None) -> Any:
        return subprocess.run(
            list(map(str, arguments)),
            cwd=where or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    @property
    def environment(self) -> dict[str, str]:
        return {**_environment(), "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}"}

    def python(self, script: str, *arguments: object) -> Any:
        return self._process(self._bin / "python", "-c", script, *arguments)

    def make(self, where: Path, *arguments: object) -> str:
        done = self._process("make", "MOVIELENS=movielens", *arguments, where=where)
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    def json(self, *arguments: object, where: Path | None = None, exit_code: int = 0) -> Any:
        done = self._process(self._bin / "movielens", *arguments, "--json", where=where)
        assert done.returncode == exit_code, done.stdout + done.stderr
        return json.loads(done.stdout)

    @property
    def packages(self) -> Path:
        (found,) = self._bin.parent.glob("lib/python*/site-packages")
        return found

    def written(self) -> set[tuple[str, int]]:
        """Every file of the project's packages with its time; what Python compiles aside."""
        return {
            (str(path), path.stat().st_mtime_ns)
            for top in ("ingestion", "local_dev", "dashboard")
            for path in (self.packages / top).rglob("*")
            if path.is_file() and path.parent.name != "__pycache__"
        }

    def dashboard(self, port: int) -> list[str]:
        return [str(self._bin / "movielens"), "dashboard", "--port", str(port)]


@pytest.mark.slow
def test_the_wheel_works_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    """In an empty folder: demo, run, plan, query, export, doctor, dashboard; then a project."""
    here = Installed(tmp_path, wheel, "[all]")
    before = here.written()

    demo = here.json("demo", "--ratings", "5000")
    assert demo["run"]["publish"]["published"] is True
    again = here.json("run")
    assert (again["load"]["load_id"], again["build"]["built"]) == (None, False)
    assert here.json("plan")["is_empty"] is True
    status = here.json("query", "select git_sha from mart_dataset_status")
    version = here.python("from ingestion.project import version; print(version())").stdout.strip()
    assert status["answer"] == [{"git_sha": f"v{version}"}]
    exported = here.json("export", "marts", "--format", "csv")
    with (here.folder / "marts" / "mart_genre.csv").open() as file:
        assert len(list(csv.DictReader(file))) == exported["rows"]["mart_genre"]
    doctor = here.json("doctor")
    assert [each for each in doctor["findings"] if each["status"] == "problem"] == []
    shown = here.python(VISIT, here.packages / "dashboard" / "app.py")
    assert int(shown.stdout.split()[0]) > 3, shown.stdout + shown.stderr
    port = free_port()
    with process_on(port, here.dashboard(port), cwd=here.folder, env=here.environment):
        pass

    assert {path.name for path in here.folder.iterdir()} == {".movielens", "marts"}
    assert here.written() == before

    here.json("init", "mine")
    mine = here.folder / "mine"
    here.make(mine, "demo")
    model = mine / "models" / "dim" / "dim_movies.sql"
    text = model.read_text()
    assert "imdb.com/title/tt'" in text
    model.write_text(text.replace("imdb.com/title/tt'", "imdb.com/' || 'title/tt'"))
    edited = here.json("plan", where=mine)
    changed = {model["name"] for model in edited["models"] if model["change"] != "unchanged"}
    assert {"dim_movies", "mart_movie"} <= changed
    assert "Published" in here.make(mine, "run")
    assert here.written() == before


@pytest.mark.slow
def test_the_library_alone_installs_neither_dbt_nor_streamlit(wheel: Path, tmp_path: Path) -> None:
    here = Installed(tmp_path, wheel)
    names = {path.name for path in here.packages.iterdir()}
    assert {"dlt", "duckdb", "ingestion"} <= names
    assert names.isdisjoint({"dbt", "streamlit", "snowflake", "boto3", "pandas", "moto"})

    here.json("data", "generate", "landing", "--ratings", "1000")
    loaded = here.python("from ingestion import load; print(load('landing').rows)")
    assert int(loaded.stdout) > 1000, loaded.stderr
    for arguments, extra in (("build",), "dbt"), (("dashboard",), "dashboard"):
        error = here.json(*arguments, exit_code=2)["error"]
        assert f'pip install "movielens-warehouse[{extra}]"' in error["remedy"]


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """Whoever builds it from PyPI's archive gets, byte for byte, what a clone gives."""
    copy = copy_of_checkout(tmp_path / "clone")
    _build("sdist", copy, tmp_path / "dist")
    (archive,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    _build("wheel", unpacked, tmp_path / "again")
    (again,) = (tmp_path / "again").glob("*.whl")
    assert again.name == wheel.name
    assert _members(again) == _members(wheel)


def _members(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _with_uv_tool(wheel: Path, folder: Path) -> tuple[list[object], dict[str, str]]:
    command = [_uv(), "tool", "install", "--quiet", "--python", sys.executable]
    places = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    return [*command, _wanted(wheel, "[all]")], places


def _with_pipx(wheel: Path, folder: Path) -> tuple[list[object], dict[str, str]]:
    pipx = Path(sys.executable).with_name("pipx")
    places = {"PIPX_HOME": str(folder / "tools"), "PIPX_BIN_DIR": str(folder / "bin")}
    # pipx takes a file for what it is, with its extras, but not a requirement that names one.
    return [pipx, "install", "--quiet", "--python", sys.executable, f"{wheel}[all]"], places


@pytest.mark.parametrize("installing", nightly_except([_with_uv_tool], [_with_uv_tool, _with_pipx]))
def test_it_installs_as_a_tool_of_its_own(
    wheel: Path,
    tmp_path: Path,
    installing: Callable[[Path, Path], tuple[list[object], dict[str, str]]],
) -> None:
    """In an environment that nobody activates; only `movielens` is on the PATH."""
    install, places = installing(wheel, tmp_path)
    environment = {**_environment(), **places}
    empty = tmp_path / "empty"
    empty.mkdir()

    def process(*arguments: object) -> str:
        done = subprocess.run(
            list(map(str, arguments)),
            cwd=empty,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    process(*install)
    assert [path.name for path in (tmp_path / "bin").iterdir()] == ["movielens"]
    movielens = tmp_path / "bin" / "movielens"
    demo = json.loads(process(movielens, "demo", "--ratings", "1000", "--json"))
    assert demo["run"]["publish"]["published"] is True
    (answer,) = json.loads(
        process(movielens, "query", "select n_ratings from mart_dataset_status", "--json")
    )["answer"]
    assert answer["n_ratings"] > 500
    findings = json.loads(process(movielens, "doctor", "--json"))["findings"]
    assert [each for each in findings if each["status"] == "problem"] == []
