"""docs/marts.md is true: its snippets run, and every tool gives the same answer."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.asked import Question, alike, blocks, questions, section
from tests.support.checkout import PROJECT
from tests.support.cli import Cli

pytestmark = pytest.mark.xdist_group("site")

# The environment of `make docs`, which has Polars, and sees the project's packages, too.
PYTHON = PROJECT / ".venv" / "docs" / "bin" / "python"
# Runs the snippets of a question after those that connect; prints the rows of `answer`.
HARNESS = """
import json, sys

def rows(answer):
    if hasattr(answer, "to_dicts"):
        return [list(row.values()) for row in answer.to_dicts()]
    if hasattr(answer, "to_numpy"):
        return answer.astype(object).values.tolist()
    return [list(row) for row in (answer.fetchall() if hasattr(answer, "fetchall") else answer)]

connect, questions = json.load(sys.stdin)
shared = {}
exec(connect, shared)
answers = {}
for title, snippet in questions.items():
    scope = dict(shared)
    exec(snippet, scope)
    answers[title] = rows(scope["answer"])
json.dump(answers, sys.stdout, default=str)
"""

QUESTIONS = questions()
CONNECT = section("Connect")
(DUCKDB,) = (block for block in blocks("python", CONNECT) if "duckdb" in block)


@pytest.fixture
def folder(built: Path, cli: Cli) -> Path:
    """A folder in which marts are published."""
    shutil.copytree(built / "home", cli.folder / ".movielens", copy_function=shutil.copy2)
    return cli.folder


def _expected(folder: Path, question: Question) -> list[Any]:
    with duckdb.connect(str(folder / ".movielens" / "marts.duckdb"), read_only=True) as marts:
        return marts.execute(question.sql).fetchall()


def test_there_are_ten_questions_and_each_has_an_answer(folder: Path) -> None:
    assert [question.title.split(".")[0] for question in QUESTIONS] == [*map(str, range(1, 11))]
    assert [question.title for question in QUESTIONS if not _expected(folder, question)] == []
    assert [question.title for question in QUESTIONS if not (question.python or question.r)] == []
    tools = "".join(question.python or "" for question in QUESTIONS)
    for tool in ("marts.sql(", "pl.", "pd.", "marts.table("):
        assert tool in tools


def test_the_command_line_gives_the_same_answers(folder: Path, cli: Cli) -> None:
    for question in QUESTIONS:
        done = cli("query", question.sql, "--format", "json")
        assert done.returncode == 0, done.stderr
        found = [list(row.values()) for row in json.loads(done.stdout)]
        assert alike(found, _expected(folder, question)), question.title


@pytest.mark.slow
def test_pandas_polars_and_duckdb_give_the_same_answers(folder: Path, cli: Cli) -> None:
    """After the commands of the section that connects, which export what Polars reads."""
    for line in "".join(blocks("sh", CONNECT)).splitlines():
        done = subprocess.run(
            ["bash", "-c", line.replace("movielens", str(PROJECT / ".venv/bin/movielens"), 1)],
            cwd=folder,
            env=cli.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert (folder / "genres.csv").read_text().startswith('"genre"')
    subprocess.run(["make", "--quiet", ".venv/docs/.ready"], cwd=PROJECT, check=True)
    snippets = {question.title: question.python for question in QUESTIONS if question.python}
    done = subprocess.run(
        [str(PYTHON), "-c", HARNESS],
        cwd=folder,
        input=json.dumps([DUCKDB, snippets]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    for question in QUESTIONS:
        if question.python:
            expected = _expected(folder, question)
            assert alike(answers[question.title], expected), question.title


def _without_r() -> str:
    if shutil.which("Rscript") is None:
        return "R is not installed"
    asked = ["Rscript", "-e", "library(DBI); library(duckdb)"]
    done = subprocess.run(asked, capture_output=True, check=False)
    return "" if done.returncode == 0 else "R has no packages DBI and duckdb"


@pytest.mark.slow
def test_r_gives_the_same_answers(folder: Path) -> None:
    why = _without_r()
    if why:
        pytest.skip(f"{why}: install.packages(c('DBI', 'duckdb')) in R adds them")
    (connect,) = blocks("r", CONNECT)
    for question in (question for question in QUESTIONS if question.r):
        shown = "write.csv(answer, 'answer.csv', row.names = FALSE)"
        subprocess.run(
            ["Rscript", "-e", f"{connect}\n{question.r}\n{shown}"], cwd=folder, check=True
        )
        with duckdb.connect() as reader:
            found = reader.execute(f"from read_csv('{folder / 'answer.csv'}')").fetchall()
        assert alike(found, _expected(folder, question)), question.title
