"""What is shown of a link to the dashboard where no script runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from dashboard import marts
from dashboard.link_previews import Preview, preview
from tests.support import marts_fixture, screenshots


def test_a_film_is_named_with_its_ratings(pinned: None) -> None:
    (n_ratings, mean) = _rated(1)
    said = preview("/films", "film=1")
    assert said is not None
    assert said.title == "Toy Story (1995) · MovieLens"
    assert said.description.startswith(
        f"Adventure, Animation, Children, Comedy · mean {mean:.2f} of {n_ratings} ratings · rank "
    )


def _rated(movie_id: int) -> tuple[int, float]:
    film = marts.rows("select movie_id, n_ratings, sum_rating from mart_movie")
    row = film[film["movie_id"] == movie_id].iloc[0]
    return int(row["n_ratings"]), row["sum_rating"] / row["n_ratings"]


@pytest.mark.parametrize(
    ("path", "query", "title"),
    [
        ("/", "", "Overview · MovieLens"),
        ("/genres", "genres=War", "Genres · MovieLens"),
        ("/below/a/proxy/tags", "", "Tags · MovieLens"),
        ("/", "film=1", "Overview · MovieLens"),
        ("/films", "film=20", "Film that nobody rated (2001) · MovieLens"),
        *(("/films", f"film={asked}", "Films · MovieLens") for asked in ("abc", "1e9", "999", "")),
    ],
)
def test_each_page_is_named(pinned: None, path: str, query: str, title: str) -> None:
    said = preview(path, query)
    assert said is not None
    assert said.title == title
    assert said.description


@pytest.mark.parametrize("path", ["/_stcore/health", "/static/js/index.js", "/nowhere"])
def test_what_is_no_page_has_no_preview(pinned: None, path: str) -> None:
    assert preview(path, "") is None


def test_a_site_without_marts_names_its_pages(
    tmp_path: Path, use_home: Callable[..., None]
) -> None:
    use_home(tmp_path)
    said = preview("/films", "film=1")
    assert said is not None
    assert said.title == "Films · MovieLens"


def test_an_environment_comes_first(tmp_path: Path, use_home: Callable[..., None]) -> None:
    marts_fixture.write_environment(tmp_path, "dev_anna")
    use_home(tmp_path, "dev_anna")
    said = preview("/films", "film=1")
    assert said is not None
    assert said.title == "dev_anna · Toy Story (1995) · MovieLens"


def test_text_of_strangers_is_escaped() -> None:
    head = Preview('"/><script>alert(1)</script>', "<img src=x onerror='alert(1)'>").head
    assert not re.search(r"<script|<img|[^=]\"/><[^m/]", head)
    assert head.count("<") == 7


# ---- as it is sent -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(published: Path) -> Iterator[str]:
    with screenshots.served(published) as served:
        yield served


def fetch(address: str, **headers: str) -> str:
    with urlopen(Request(address, headers=headers), timeout=20) as answer:
        body = answer.read()
        assert int(answer.headers["Content-Length"]) == len(body)
        assert "etag" not in answer.headers
        return str(body.decode("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["identity", "gzip, br"])
def test_a_page_is_sent_with_its_preview(root: str, encoding: str) -> None:
    page = fetch(f"{root}/films?film=8", **{"Accept-Encoding": encoding})
    assert "<title>&lt;img src=x onerror=alert(1)&gt; (1999) · MovieLens</title>" in page
    assert 'property="og:title" content="&lt;img src=x' in page
    assert "<title>Streamlit</title>" not in page
    assert "<title>Overview · MovieLens</title>" in fetch(f"{root}/")


@pytest.mark.slow
def test_what_else_is_served_is_as_it_was(root: str) -> None:
    with urlopen(f"{root}/_stcore/health", timeout=20) as answer:
        assert answer.read() == b"ok"
