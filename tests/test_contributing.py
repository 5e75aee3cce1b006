"""docs/contributing.md is true: what it names is there, and its additions work as it says."""

from __future__ import annotations

import ast
import csv
import json
import re
import shutil
from calendar import month_name
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import duckdb
import pytest

from dashboard.settings import Settings as DashboardSettings
from ingestion.operate.doctor.machine import names_of_settings
from ingestion.settings import Settings
from tests.support.additions import AUDIT, DATASET, MART, SETTING, Edit, apply
from tests.support.checkout import PROJECT, copy_of_checkout, python_in

pytestmark = pytest.mark.xdist_group("additions")

PAGE = (PROJECT / "docs" / "contributing.md").read_text(encoding="utf-8")
INGESTION = PROJECT / "ingestion"
# What stands for a name of the contributor's own.
PLACEHOLDER = "<name>"
COMMAND = ("-c", "from ingestion.cli import main; main()")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def files_to_touch(title: str) -> list[str]:
    """The first column of the section's table."""
    return re.findall(r"^\| `(.+?)` \|", section(title), re.MULTILINE)


def modules(package: str) -> set[str]:
    return {str(path.relative_to(PROJECT)) for path in (INGESTION / package).rglob("*.py")}


def imported_by(module: str) -> set[str]:
    """The files of `ingestion` that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse((PROJECT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    paths = {f"{name.replace('.', '/')}.py" for name in names if name.startswith("ingestion")}
    return {path for path in paths if (PROJECT / path).exists()}


def test_the_page_is_one_screen() -> None:
    assert len(PAGE.splitlines()) <= 90


def test_whatever_the_page_names_is_there() -> None:
    named = set(re.findall(r"`([\w.]+/[\w./<>]*)`", PAGE))
    assert len(named) > 40
    own = {path for path in named if PLACEHOLDER in path}
    assert {path for path in named - own if not (PROJECT / path).exists()} == set()
    assert {path for path in own if not (PROJECT / path).parent.is_dir()} == set()
    linked = re.findall(r"\]\(([\w.]+)\)", PAGE)
    assert "engines.md" in linked
    assert [link for link in linked if not (PROJECT / "docs" / link).exists()] == []
    for function in re.findall(r"`(test_\w+)`", PAGE):
        assert f"def {function}(" in (PROJECT / "tests/raw/test_load.py").read_text()


def test_the_map_has_every_package_in_the_order_of_imports() -> None:
    on_the_map = re.findall(r"^\| `ingestion/(\w+)/`", section("The map"), re.MULTILINE)
    packages = {path.parent.name for path in INGESTION.glob("*/__init__.py")}
    assert set(on_the_map) == packages
    for position, package in enumerate(on_the_map):
        used = {
            path.split("/")[1] for file in modules(f"{package}/**/*") for path in imported_by(file)
        }
        assert not used & set(on_the_map[position + 1 :])


def test_the_way_of_a_file_goes_one_way() -> None:
    entry, way = section("The map").split("`movielens run` enters at")[1].split("ratings.csv goes")
    passed = re.findall(r"`(ingestion/\w+)/\w+\.py`", way)
    order = ["landing", "reading", "raw", "build", "publish"]
    assert list(dict.fromkeys(passed)) == [f"ingestion/{package}" for package in order]
    assert passed == sorted(passed, key=lambda package: order.index(package.split("/")[1]))
    # The engine is found by its name, as `ingestion.engine` lists it.
    ahead = [*re.findall(r"`(ingestion/\S+\.py)`", entry)[:1], "ingestion/engines/on_duckdb.py"]
    reached = set[str]()
    while ahead:
        module = ahead.pop()
        reached.add(module)
        ahead += imported_by(module) - reached
    assert set(re.findall(r"`(ingestion/\S+\.py)`", entry + way)) <= reached


@pytest.mark.parametrize(
    ("title", "own", "edits", "most"),
    [
        ("A dataset", "watched", DATASET, 7),
        ("A mart with its page", "seasons", MART, 8),
        ("A setting", "", SETTING, 1),
        ("An audit", "somebody_rated_thrice", AUDIT, 2),
    ],
)
def test_the_page_lists_the_files_that_an_addition_touches(
    title: str, own: str, edits: tuple[Edit, ...], most: int
) -> None:
    listed = {path.replace(PLACEHOLDER, own) for path in files_to_touch(title)}
    assert listed == {edit.path for edit in edits}
    assert len(listed) <= most


def test_what_the_dashboard_can_be_told_is_known_to_doctor_and_documented(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    documented = (PROJECT / "docs" / "dashboard.md").read_text(encoding="utf-8")
    for name in DashboardSettings.model_fields:
        variable = f"MOVIELENS_{name}".upper()
        assert f"`{variable}`" in documented
        monkeypatch.setenv(variable, "1")
    unknown = [
        finding for finding in names_of_settings(settings) if "nothing reads" in str(finding)
    ]
    assert unknown == []


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which every addition has been made."""
    project = copy_of_checkout(tmp_path_factory.mktemp("added") / "movielens")
    for edits in (DATASET, MART, SETTING, AUDIT):
        apply(edits, project)
    return project


@pytest.fixture(scope="module")
def home(copy: Path, built: Path) -> Path:
    """What such a project publishes."""
    zone = shutil.copytree(built / "zone", copy.with_name("zone"))
    rows = "userId,movieId,timestamp\n1,1,964982703\n1,1,964982704\n2,1,1\n"
    (zone / "watched.csv").write_text(rows)
    home = copy.with_name("home")
    python_in(copy, *COMMAND, "run", "--home", home, "--source", zone)
    return home


@pytest.mark.slow
def test_the_tests_that_mind_an_addition_accept_it(copy: Path) -> None:
    python_in(copy, "-m", "tests.support.audits_page")
    python_in(copy, "-m", "ruff", "check", "dashboard", "ingestion", "tests")
    python_in(copy, "-m", "sqlfluff", "lint", "models/mart/mart_seasons.sql", "tests/data")
    python_in(
        *(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"),
        *("tests/dashboard/test_seasons.py", "tests/dashboard/test_pages.py"),
        *("tests/dashboard/test_provenance.py", "tests/dashboard/test_chart_specs.py"),
        *("tests/models/test_documentation.py", "tests/test_documentation.py"),
        *("tests/raw/test_load.py", "tests/support/test_histories.py"),
        "-k",
        "seasons or Which_month or contract_of_raw"
        " or not (test_pages or readme_command or test_load)",
    )


@pytest.mark.slow
def test_a_page_that_was_added_shows_its_mart(copy: Path, home: Path) -> None:
    script = """
        import json
        from streamlit.testing.v1 import AppTest
        app = AppTest.from_file("dashboard/app.py", default_timeout=60)
        app.switch_page("app_pages/seasons.py").run()
        assert not app.exception and not app.error and not app.warning
        assert len(app.get("vega_lite_chart")) == 1
        print(json.dumps([text.value for text in app.text]))
    """
    shown = python_in(copy, "-c", dedent(script), MOVIELENS_HOME=str(home))
    with home.with_name("zone").joinpath("ratings.csv").open() as file:
        times = [datetime.fromtimestamp(int(r["timestamp"]), UTC) for r in csv.DictReader(file)]
    ((month, most),) = Counter(time.month for time in times).most_common(1)
    expected = f"Most ratings came in {month_name[month]} ({most:,})."
    assert expected in json.loads(shown.splitlines()[-1])


@pytest.mark.slow
def test_a_dataset_that_was_added_is_loaded(home: Path) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        found = warehouse.sql("select * exclude (_file_id) from analytics.src_watched").fetchall()
        rejected = warehouse.sql("select line, column_name from raw._rejected_rows").fetchall()
    assert found == [(1, 1, datetime(2000, 7, 30, 18, 45, 4))]
    assert rejected == [(4, "timestamp")]


@pytest.mark.slow
def test_an_audit_that_was_added_is_held(home: Path) -> None:
    with duckdb.connect(str(home / "marts.duckdb"), read_only=True) as marts:
        found = marts.sql(
            "select description, status from mart_quality"
            " where test_name = 'assert_somebody_rated_thrice'"
        ).fetchall()
    assert found == [("At least one user gave three ratings.", "pass")]


@pytest.mark.slow
def test_a_setting_that_was_added_is_read(copy: Path) -> None:
    said = python_in(copy, *COMMAND, "config", "--json", MOVIELENS_KEEP_WEEKS="7")
    origins = {one["name"]: (one["value"], one["origin"]) for one in json.loads(said)["settings"]}
    assert origins["keep_weeks"] == ("7", "environment MOVIELENS_KEEP_WEEKS")
