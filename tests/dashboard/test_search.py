"""Search: what a visitor types, pastes or mistypes, and the film that it must find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import layout, search
from tests.support import marts_fixture
from tests.support.pages import links

# Titles as the marts hold them, the most rated first: number, title, year, IMDb id.
KNOWN = [
    (318, "The Shawshank Redemption", 1994, "0111161"),
    (2571, "The Matrix", 1999, "0133093"),
    (260, "Star Wars: Episode IV - A New Hope", 1977, "0076759"),
    (5349, "Spider-Man", 2002, "0145487"),
    (4973, "Amélie (Fabuleux destin d'Amélie Poulain, Le)", 2001, "0211915"),
    (60069, "WALL·E", 2008, "0910970"),
    (1193, "One Flew Over the Cuckoo's Nest", 1975, "0073486"),
    (1214, "Alien", 1979, "0078748"),
    (51662, "300", 2006, "0416449"),
    (58998, "The Fast & the Furious", 2001, "0232500"),
    (300, "Quiz Show", 1994, "0110932"),
    (1193000, "M*A*S*H (a.k.a. MASH)", 1970, "10048342"),
    (9, "Film without a year", None, None),
    (8, "The Valentine", 2003, None),
]


def titles(films: list[tuple[int, str, int | None, str | None]]) -> search.Titles:
    rows = pd.DataFrame(films, columns=["movie_id", "title", "release_year", "imdb"])
    rows["title_search"] = [search.normalised(title) for title in rows["title"]]
    rows["imdb_url"] = [
        f"https://www.imdb.com/title/tt{each}/" if isinstance(each, str) else None
        for each in rows["imdb"]
    ]
    return search.Titles(rows)


def found(typed: str) -> list[int]:
    answer = titles(KNOWN).find(typed)
    assert not answer.is_guess
    assert len(answer.films) == answer.n_films
    return list(answer.films["movie_id"])


def guessed(typed: str) -> list[int]:
    answer = titles(KNOWN).find(typed)
    assert answer.is_guess
    return list(answer.films["movie_id"])


@pytest.mark.parametrize("film", KNOWN, ids=lambda film: str(film[1]))
def test_every_heading_of_the_site_finds_its_film(
    film: tuple[int, str, int | None, str | None],
) -> None:
    number, title, year, _ = film
    heading = layout.dated(title, year)
    for typed in (heading, heading.upper(), f"  {heading}\n", f"“{heading}”"):
        assert found(typed)[0] == number


@pytest.mark.parametrize(
    ("typed", "film"),
    [
        ("matrix, the", 2571),
        ("Matrix, The (1999)", 2571),
        ("matrix 1999", 2571),
        ("AMELIE", 4973),
        ("wall-e", 60069),
        ("walle", 60069),
        ("spiderman", 5349),
        ("spider man", 5349),
        ("cuckoos nest", 1193),
        ("fast and furious", 58998),
        ("fast & furious", 58998),
        ("m.a.s.h.", 1193000),
        ("tt0111161", 318),
        ("TT111161", 318),
        ("https://www.imdb.com/title/tt0111161/?ref_=fn", 318),
        ("tt10048342", 1193000),
        ("318", 318),
        ("film 318", 318),
        ("https://films.example/films?film=318", 318),
        ("300", 51662),  # a title before a number
    ],
)
def test_what_people_type_finds_the_film(typed: str, film: int) -> None:
    assert found(typed)[0] == film


def test_a_number_finds_the_title_and_the_film_of_that_number() -> None:
    assert found("300") == [51662, 300]


def test_titles_that_are_the_text_come_before_those_that_contain_it() -> None:
    every = [(1, "Aliens", 1986, None), (2, "My Alien", 1984, None), (3, "Alien", 1979, None)]
    assert list(titles([*every]).find("alien").films["movie_id"]) == [3, 1, 2]


@pytest.mark.parametrize(
    ("typed", "film"),
    [
        ("shawshenk", 318),
        ("shawshank redemtion", 318),
        ("The Shawshenk Redemption (1994)", 318),
        ("the matirx", 2571),
        ("star wras", 260),
        ("alein", 1214),
        ("amleie", 4973),
    ],
)
def test_a_typo_is_answered_with_what_was_meant(typed: str, film: int) -> None:
    assert guessed(typed)[0] == film


@pytest.mark.parametrize("typed", ["zzz", "qqqqqqqq", "tt99", "9999", "x" * 500, "' or 1=1 --"])
def test_what_is_like_no_title_is_no_guess(typed: str) -> None:
    assert guessed(typed) == []


@pytest.mark.parametrize(("sign", "film"), [("*", 1193000), ("·", 60069), ("&", 58998)])
def test_a_sign_alone_is_taken_literally(sign: str, film: int) -> None:
    assert film in found(sign)


def test_a_version_without_films_finds_none() -> None:
    assert titles([]).find("alien").n_films == 0


@pytest.mark.slow
def test_ninety_thousand_titles_are_searched_in_no_time() -> None:
    words = ["red", "river", "house", "of", "the", "last", "summer", "night", "king", "island"]
    made = [
        (i, " ".join(words[(i // 10**k) % 10] for k in range(5)) + f" {i}", 1950 + i % 70, None)
        for i in range(90_000)
    ]
    every = titles([*made])
    for typed in ("the last night", "hte lsat nihgt", "e"):
        begun = perf_counter()
        every.find(typed)
        assert perf_counter() - begun < 0.75, typed


# ---- on the page -------------------------------------------------------------------------------

OpenPage = Callable[..., AppTest]


def test_the_page_asks_whether_one_of_these_is_meant(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films", q="matirx (1999)")
    assert not app.exception
    assert app.info[0].value == "No title has these words. Did you mean one of these?"
    assert links(app) == ["Matrix \\(1999\\)"]


def test_a_long_paste_is_cut_and_the_page_says_so(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films")
    app.text_input(key="q").set_value("Amélie (2001)" + " " * 300 + "and more").run()
    assert not app.exception
    assert links(app) == ["Amélie \\(2001\\)"]
    assert any("Only the first 200 characters count" in said.value for said in app.caption)


@pytest.mark.parametrize("film", [film for film in marts_fixture.FILMS if film[0] != 13])
def test_the_heading_of_every_film_of_the_marts_finds_it(
    pinned: None, film: tuple[int, str, int | None, str]
) -> None:
    number, title, year, _ = film
    answer = search.find_films(layout.dated(title, year))
    assert number in list(answer.films["movie_id"])
    assert not answer.is_guess
