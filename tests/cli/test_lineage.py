"""`movielens lineage` shows where a column comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import Cli


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lineage") / "home"


def test_a_column_as_text_as_json_and_as_a_chart(cli: Cli, home: Path) -> None:
    ask = ("lineage", "mart_movie.n_ratings", "--home", home)
    done = cli(*ask)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "mart_movie.n_ratings",
        "└─ rows of fct_ratings  (through count, sum)",
    ]
    answer = cli.json(*ask)
    (column,) = answer["columns"]
    assert (column["table"], column["column"]) == ("mart_movie", "n_ratings")
    assert column["sources"][0]["through"] == [["count", "sum"]]
    chart = cli(*ask, "--mermaid").stdout.splitlines()
    assert chart[0] == "flowchart LR"
    assert chart[1].endswith('-->|"count, sum"| mart_movie__n_ratings["mart_movie.n_ratings"]')


def test_all_columns_of_a_model_down_to_raw(cli: Cli, home: Path) -> None:
    text = cli("lineage", "mart_tag", "--home", home).stdout
    columns = [line for line in text.splitlines() if line.startswith("mart_tag.")]
    assert {"mart_tag.tag", "mart_tag.n_people"} <= set(columns)
    assert "raw.tags.user_id" in text


def test_names_that_there_are_not(cli: Cli, home: Path) -> None:
    done = cli("lineage", "mart_movies.title", "--home", home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no model 'mart_movies'" in done.stderr
    assert "What to do: choose another: mart_movie" in done.stderr
    error = cli.json("lineage", "mart_movie.titel", "--home", home, exit_code=2)["error"]
    assert error["message"] == "There is no column 'titel' in mart_movie"
    assert error["remedy"].startswith("choose another: title")


def test_a_folder_without_models(cli: Cli, home: Path, tmp_path: Path) -> None:
    done = cli("lineage", "x", "--home", home, env={"MOVIELENS_PROJECT": str(tmp_path)})
    assert done.returncode == 2
    assert "There are no models in" in done.stderr
