"""Every figure of the pages of one film, of comparisons, taste and changes, in plain Python."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import charts, taste
from dashboard.layout import dated
from tests.support import marts_fixture
from tests.support.pages import links, words

OpenPage = Callable[..., AppTest]
TITLES = {number: dated(title, year) for number, title, year, _ in marts_fixture.FILMS}
YEARS = {number: year for number, _, year, _ in marts_fixture.FILMS}
GENRES = {number: genres.split("|") for number, *_, genres in marts_fixture.FILMS}
TITLES[21], YEARS[21], GENRES[21] = "Movie 21", None, []


@cache
def ratings() -> list[tuple[int, int, float, int]]:
    """User, film, stars and year of each rating of the tests' marts."""
    with duckdb.connect() as connection:
        marts_fixture.tiny_inputs(connection, True)
        return connection.execute(
            "select user_id, movie_id, rating, year(rated_at) from ratings"
        ).fetchall()


def stars_of(film: int) -> list[float]:
    return [stars for _, number, stars, _ in ratings() if number == film]


@cache
def ranked() -> list[int]:
    """Films by weighted score, then by number of ratings and number."""
    return sorted(
        {film for _, film, *_ in ratings()}, key=lambda f: (-score(f), -len(stars_of(f)), f)
    )


def score(film: int) -> float:
    overall = [stars for *_, stars, _ in ratings()]
    prior = max(25, round(len(overall) / len({film for _, film, *_ in ratings()})))
    own = stars_of(film)
    return (prior * fmean(overall) + sum(own)) / (prior + len(own))


def shown(app: AppTest) -> str:
    """What the page says, without the escapes of Markdown."""
    return re.sub(r"\\(?=[^\w\s])", "", words(app)).replace("\u2060", "")


def rows_of(app: AppTest, alt: str) -> pd.DataFrame:
    """The rows of the one chart whose name begins so."""
    found = [each for each in app.get("vega_lite_chart") if each.proto.alt.startswith(alt)]
    (chart,) = found
    return pa.ipc.open_stream(chart.proto.data.data).read_pandas()


def asked(app: AppTest, page: str) -> list[str]:
    return [link.proto.query_string for link in app.get("page_link") if link.proto.page == page]


def described(own: list[float]) -> list[str]:
    low = sum(star <= 2 for star in own)
    high = sum(star >= 4 for star in own)
    return [
        f"mean {fmean(own):.2f} of {len(own):,} ratings",
        f"4 stars or more: {100 * high / len(own):.1f} %",
        f"2 stars or fewer: {100 * low / len(own):.1f} %",
        f"spread {stdev(own):.2f}",
    ]


# ---- rankings ----------------------------------------------------------------------------------


def test_the_list_is_the_ranking_with_place_year_and_score(
    open_page: OpenPage, published: Path
) -> None:
    app = open_page(published, "films", min="1")
    best = ranked()[:25]
    dots = rows_of(app, "Best loved films")
    assert list(dots["movie_id"]) == best
    assert dots["weighted_score"].tolist() == pytest.approx([score(film) for film in best])
    told = [each.value for each in app.caption if each.value.startswith("score")]
    for film, text in zip(best, told, strict=False):
        own = stars_of(film)
        said = f"score {score(film):.2f} · mean {fmean(own):.2f} of {len(own):,} rating"
        assert text.replace("\\", "").startswith(said)
    opened = [each for each in asked(app, "films") if each.startswith("film=")]
    assert opened[: len(best)] == [f"film={film}" for film in best]
    places = [label.partition("\\. ")[0] for label in links(app)[: len(best)]]
    assert places == [str(place) for place in range(1, len(best) + 1)]


def test_the_table_is_the_same_ranking_with_a_rank(open_page: OpenPage, published: Path) -> None:
    table = open_page(published, "films", min="1", view="Table").dataframe[0].value
    assert table["Rank"].tolist() == list(range(1, len(ranked()) + 1))
    assert table["Score"].tolist() == pytest.approx([score(film) for film in ranked()])
    for film, shares in zip(ranked(), table["½ to 5 stars"], strict=True):
        own = Counter(stars_of(film))
        assert list(shares) == pytest.approx([own[s] / own.total() for s in charts.STARS])


@pytest.mark.parametrize("genre", [None, "Horror"])
def test_the_best_film_of_each_year(
    open_page: OpenPage, published: Path, genre: str | None
) -> None:
    address = {"genre": genre} if genre else {}
    app = open_page(published, "films", min="10", **address)
    best: dict[int, int] = {}
    for film in ranked():
        fits = genre is None or genre in GENRES[film]
        year = YEARS[film]
        if fits and year is not None and len(stars_of(film)) >= 10:
            best.setdefault(year, film)
    strip = rows_of(app, "The best film of each of")
    assert dict(zip(strip["release_year"], strip["movie_id"], strict=True)) == best
    assert strip["weighted_score"].tolist() == pytest.approx(
        [score(best[year]) for year in sorted(best)]
    )
    top = min(best.values(), key=ranked().index)
    decade = f"{YEARS[top] // 10 * 10}s"
    said = f"The best of the {decade} is {TITLES[top]}, score {score(top):.2f}."
    assert said in [text.value for text in app.text]
    chosen = strip[strip["chosen"]]
    assert {f"{year // 10 * 10}s" for year in chosen["release_year"]} == {decade}


def test_a_decade_is_in_the_address(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films", decade="1950s")
    assert "The best of the 1950s is Seven Samurai (1954)" in shown(app)
    assert open_page(published, "films", decade="1620s").exception == []


CONTROVERSIAL = """
    update mart_movie set n_ratings = 60, h05 = 20, h10 = 0, h15 = 0, h20 = 10, h25 = 0, h30 = 0,
        h35 = 0, h40 = 0, h45 = 10, h50 = 20, share_low = 0.5 where movie_id = 1;
    update mart_movie set n_ratings = 100, h05 = 10, h10 = 0, h15 = 0, h20 = 0, h25 = 0, h30 = 70,
        h35 = 0, h40 = 0, h45 = 0, h50 = 20, share_low = 0.1 where movie_id = 2;
    update mart_movie set n_ratings = 99, h05 = 0, h10 = 0, h15 = 0, h20 = 0, h25 = 0, h30 = 99,
        h35 = 0, h40 = 0, h45 = 0, h50 = 0, share_low = 0.0 where movie_id = 3;
"""


def test_controversy_is_of_both_ends_of_the_scale(open_page: OpenPage, tmp_path: Path) -> None:
    marts_fixture.write_marts(tmp_path, change=CONTROVERSIAL)
    app = open_page(tmp_path, "films")
    said = shown(app)
    # 4 · 30/60 · 30/60 and 4 · 10/100 · 20/100; film 3 has nobody at either end.
    assert re.findall(r"controversy (\d\.\d\d)", said) == ["1.00", "0.08"]
    assert "50 % gave 2 stars or fewer, 50 % 4.5 or more; 60 ratings" in said
    assert "10 % gave 2 stars or fewer, 20 % 4.5 or more; 100 ratings" in said
    small = rows_of(app, "Stars of Toy Story")
    assert small["n_ratings"].tolist() == [20, 0, 0, 10, 0, 0, 0, 0, 10, 20]
    assert small["share"].tolist() == pytest.approx([n / 60 for n in small["n_ratings"]])


def test_a_surprise_is_one_of_the_best_under_the_filter(
    open_page: OpenPage, published: Path
) -> None:
    app = open_page(published, "films", genre="Horror")
    (surprise,) = [button for button in app.button if button.label == "Surprise me"]
    surprise.click().run()
    assert not app.exception
    title = app.title[0].value.replace("\\", "").replace("\u2060", "")
    assert title in {TITLES[film] for film in TITLES if "Horror" in GENRES[film]}


# ---- one film ----------------------------------------------------------------------------------


@pytest.mark.parametrize("film", [1, 9, 19])
def test_a_film_in_figures(open_page: OpenPage, published: Path, film: int) -> None:
    app = open_page(published, "films", film=str(film))
    own = stars_of(film)
    assert {metric.label: metric.value for metric in app.metric} == {
        "Ratings": f"{len(own):,}",
        "Mean": f"{fmean(own):.2f}",
        "Weighted score": f"{score(film):.2f}",
        "Spread": f"{stdev(own):.2f}",
    }
    place = ranked().index(film)
    below = len(ranked()) - place - 1
    if 0 < place < len(ranked()) - 1:
        percent = int(1000 * below / len(ranked())) / 10
        assert f"Above {percent:.1f} % of the {len(ranked())} rated films." in shown(app)
    near = [each for each in ranked()[max(0, place - 2) : place + 3] if each != film]
    opened = [int(each.removeprefix("film=")) for each in asked(app, "films") if "film=" in each]
    assert opened[: len(near)] == near
    for other in near:
        theirs = stars_of(other)
        mean = f"mean {fmean(theirs):.2f} of {len(theirs):,} ratings"
        assert f"score {score(other):.2f} · {mean}" in shown(app)
    assert f"{place + 1}. {TITLES[film]}: this film" in shown(app)


@pytest.mark.parametrize("film", [1, 9])
def test_the_stars_of_a_film_and_the_usual(open_page: OpenPage, published: Path, film: int) -> None:
    app = open_page(published, "films", film=str(film))
    own, usual = Counter(stars_of(film)), Counter(stars for *_, stars, _ in ratings())
    rows = rows_of(app, "Stars given to")
    for name, counts in ((charts.THIS_FILM, own), (charts.ALL_FILMS, usual)):
        part = rows[rows["series"] == name].set_index("rating")["share"]
        for star in charts.STARS:
            assert part.get(star, 0) == pytest.approx(counts[star] / counts.total())


# Film, year, ratings and their sum; no year of the tests' ratings has enough of one film.
FILM_YEARS = [
    *((1, 2001, 30, 120.0), (1, 2002, 4, 5.0), (1, 2004, 50, 150.0)),
    *((9, 2001, 5, 20.0), (9, 2002, 10, 25.0), (9, 2003, 4, 20.0)),
]
WITH_YEARS = f"""
    delete from mart_movie_year;
    insert into mart_movie_year (movie_id, rating_year, n_ratings, sum_rating)
    values {", ".join(map(str, FILM_YEARS))}
"""


def means_of(film: int) -> dict[int, float]:
    return {year: total / n for number, year, n, total in FILM_YEARS if number == film and n >= 5}


def drawn(rows: pd.DataFrame, value: str) -> dict[int, float]:
    told = rows.dropna(subset=value)
    return dict(zip(told["rating_year"].astype(int), told[value], strict=True))


def test_the_years_of_a_film(open_page: OpenPage, tmp_path: Path) -> None:
    marts_fixture.write_marts(tmp_path, change=WITH_YEARS)
    app = open_page(tmp_path, "films", film="1")
    assert "In 2001, its first year here, its mean was 4.00; since then 2.87" in shown(app)
    rows = rows_of(app, "Mean of Toy Story")
    assert drawn(rows, "mean") == pytest.approx(means_of(1))
    assert rows["overall"].tolist() == pytest.approx([fmean(stars_of(1))] * 4)
    counts = rows_of(app, "Ratings of Toy Story")
    assert counts["n_ratings"].tolist() == [30, 4, 0, 50]


def test_the_years_of_films_that_are_compared(open_page: OpenPage, tmp_path: Path) -> None:
    marts_fixture.write_marts(tmp_path, change=WITH_YEARS)
    app = open_page(tmp_path, "compare", films=["1", "9", "19"])
    rows = rows_of(app, "Mean rating per year of")
    for film in (1, 9):
        assert drawn(rows[rows["series"] == TITLES[film]], "value") == pytest.approx(means_of(film))
    ends = rows.dropna(subset="label")
    assert dict(zip(ends["series"], ends["rating_year"], strict=True)) == {
        TITLES[1]: 2004,
        TITLES[9]: 2002,
    }


def test_a_film_with_few_ratings_is_told_shortly(
    open_page: OpenPage, generated_without_genome: Path
) -> None:
    app = open_page(generated_without_genome, "films", film="21")
    said = shown(app)
    assert "1 rating: 1 × 4 stars." in said
    assert "Too few to rank it among others." in said
    assert list(app.info) == [] and list(app.metric) == []
    assert app.get("vega_lite_chart") == []
    assert not re.search(r"\d of \d", said)
    assert "Not shown, because the data are too few: ratings per year (from 100 ratings)" in said


# ---- comparing ---------------------------------------------------------------------------------


def test_films_are_compared_in_figures(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "compare", films=["9", "1", "19"])
    said = shown(app)
    for film in (9, 1, 19):
        told = described(stars_of(film))
        told.append(f"rank {ranked().index(film) + 1} of {len(ranked())}")
        assert "\n".join(told) in said
    rows = rows_of(app, "Stars given to each film")
    assert list(dict.fromkeys(rows["series"])) == [TITLES[9], TITLES[1], TITLES[19]]
    for film in (9, 1, 19):
        counts = Counter(stars_of(film))
        part = rows[rows["series"] == TITLES[film]].set_index("rating")["value"]
        assert part.to_dict() == pytest.approx(
            {s: counts[s] / counts.total() for s in charts.STARS}
        )


def test_without_an_address_the_two_best_are_compared(open_page: OpenPage, published: Path) -> None:
    assert [each for each in asked(open_page(published, "compare"), "films") if each] == [
        f"film={film}" for film in [f for f in ranked() if len(stars_of(f)) >= 10][:2]
    ]


@pytest.mark.parametrize(
    ("films", "compared"),
    [
        (["1", "1", "abc", "99"], [1]),
        (["1", "2", "3", "4", "5"], [1, 2, 3, 4]),
        (["10", "11"], [10, 11]),
        (["20", "1"], [20, 1]),
    ],
)
def test_what_the_address_asks_to_compare(
    open_page: OpenPage, published: Path, films: list[str], compared: list[int]
) -> None:
    app = open_page(published, "compare", films=films)
    assert not app.exception
    assert [each for each in asked(app, "films") if each] == [f"film={n}" for n in compared]


def test_films_of_one_name_are_two_lines(open_page: OpenPage, published: Path) -> None:
    rows = rows_of(open_page(published, "compare", films=["10", "11"]), "Stars given to each film")
    assert set(rows["series"]) == {
        "War of the Worlds (2005) [10]",
        "War of the Worlds (2005) [11]",
    }


def test_a_film_is_added_and_left_out(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "compare", films=["1"])
    app.text_input(key="added").set_value("amelie").run()
    app.button(key="add 9").click().run()
    assert app.query_params["films"] == ["1", "9"]
    assert app.text_input(key="added").value == ""
    app.button(key="out 1").click().run()
    assert app.query_params["films"] in (["9"], "9")
    assert not app.exception


def test_genres_are_compared_in_figures(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "compare", compared="Genres", genres=["War", "Horror"])
    said = shown(app)
    rows = rows_of(app, "Mean rating per year of War, Horror").dropna(subset="value")
    for genre in ("War", "Horror"):
        films = {film for film in GENRES if genre in GENRES[film]}
        own = [(stars, year) for _, film, stars, year in ratings() if film in films]
        told = described([stars for stars, _ in own])
        noun = "film" if len(films) == 1 else "films"
        assert "\n".join([*told, f"{len(films)} {noun}"]) in said
        by_year: defaultdict[int, list[float]] = defaultdict(list)
        for stars, year in own:
            by_year[year].append(stars)
        part = rows[rows["series"] == genre].set_index("rating_year")["value"]
        assert part.to_dict() == pytest.approx(
            {year: fmean(each) for year, each in by_year.items() if len(each) >= 30}
        )


# ---- taste -------------------------------------------------------------------------------------


def together(home: Path) -> dict[int, list[tuple[int, float]]]:
    """The films liked together with each, and their scores."""
    with duckdb.connect(str(home / "marts.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select movie_id, other_movie_id, score from mart_movie_liked_together order by rank"
        ).fetchall()
    found: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    for film, other, value in rows:
        found[film].append((other, value))
    return found


def rate(app: AppTest, stars: dict[int, int]) -> AppTest:
    for film, given in stars.items():
        app.pills(key=f"stars of {film}").set_value(given).run()
    assert not app.exception
    return app


def test_taste_ranks_by_the_sum_of_scores(open_page: OpenPage, published: Path) -> None:
    near = together(published)
    asked_of = sorted(near, key=lambda film: (-len(stars_of(film)), film))[:5]
    given = dict(zip(asked_of, (5, 4, 1, 3, 5), strict=True))
    app = rate(open_page(published, "taste"), given)
    liked = [film for film, stars in given.items() if stars >= 4]
    sums: defaultdict[int, float] = defaultdict(float)
    for film in liked:
        for other, value in near[film]:
            if other not in given:
                sums[other] += value
    expected = sorted(sums, key=lambda film: (-sums[film], film))[:10]
    assert expected
    opened = [int(each.removeprefix("film=")) for each in asked(app, "films") if "film=" in each]
    assert opened[5:] == expected
    for film in expected:
        names = " and ".join(TITLES[one] for one in liked if film in dict(near[one]))
        assert f"liked together with {names}" in shown(app)


def test_taste_asks_for_five_and_forgets_what_is_not_seen(
    open_page: OpenPage, published: Path
) -> None:
    app = open_page(published, "taste")
    assert "Rate 5 more films to see." in shown(app)
    assert "Your stars are not stored" in shown(app)
    first = [int(each.removeprefix("film=")) for each in asked(app, "films") if "film=" in each]
    assert len(first) == 5
    app.button(key=f"skip {first[0]}").click().run()
    second = [int(each.removeprefix("film=")) for each in asked(app, "films") if "film=" in each]
    assert first[0] not in second
    rate(app, {second[0]: 5})
    assert "Rate 4 more films to see." in shown(app)
    assert dict(app.query_params) == {}
    (again,) = [button for button in app.button if button.label == "Start again"]
    again.click().run()
    assert "Rate 5 more films to see." in shown(app)


def test_whoever_likes_none_of_them_is_told(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "taste")
    first = [int(each.removeprefix("film=")) for each in asked(app, "films") if "film=" in each]
    rate(app, dict.fromkeys(first, 2))
    assert "You gave none of them 4 stars or more" in shown(app)


def test_neighbours_of_nothing_are_none() -> None:
    assert taste.neighbours({}, {}).empty
    assert taste.liked({1: 5, 2: 3, 3: 4}) == [1, 3]


# ---- what changed ------------------------------------------------------------------------------


def test_what_changed_in_figures(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "changes")
    n_ratings, total = len(ratings()), sum(stars for *_, stars, _ in ratings())
    before, now = (total - 60) / (n_ratings - 20), total / n_ratings
    people = len({user for user, *_ in ratings()})
    table: Any = app.dataframe[0].value
    found = {row.What: (row.Before, row.Now, row.Change) for row in table.itertuples()}
    assert found == {
        "Ratings": (f"{n_ratings - 20:,}", f"{n_ratings:,}", "+20"),
        "Mean rating": (f"{before:.4f}", f"{now:.4f}", f"{now - before:+.4f}"),
        "People who rated": (str(people - 1), str(people), "+1"),
        "Films rated": ("20", "20", "same"),
        "Films listed": ("20", "20", "same"),
        "Tags given": ("123", "120", "-3"),
        "Checks passed": ("1", "2", "+1"),
        "Checks that warned": ("1", "1", "same"),
    }
    said = shown(app)
    assert "20 more ratings than before" in said
    assert "1 film entered the best 20, 1 left" in said
    place = ranked().index(1) + 1
    assert links(app) == [
        f"{place}\\. Toy Story \\(1995\\)",
        f"{place}\\. Film that \\*is gone\\* \\(1950\\)",
    ]
    assert f"score {score(1):.2f} of {len(stars_of(1))} ratings" in said
    assert "score 3.90 of 30 ratings" in said
    assert marts_fixture.VERSION in said and "20261101-040000-0000000" in said


def test_the_first_version_has_nothing_to_be_compared_with(
    open_page: OpenPage, tmp_path: Path
) -> None:
    change = "delete from mart_previous_version; delete from mart_previous_top_film"
    marts_fixture.write_marts(tmp_path, change=change)
    app = open_page(tmp_path, "changes")
    assert not app.exception
    assert "This is the first version that was published" in shown(app)
    assert len(app.header) == 1
