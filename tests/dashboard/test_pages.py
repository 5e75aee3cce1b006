"""Every page in every state, without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import duckdb
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import contents
from dashboard.layout import plain
from tests.support import marts_fixture
from tests.support.pages import PAGES, links, page_links, words

OpenPage = Callable[..., AppTest]
TITLES = {name: page.title for name, page in contents.PAGES.items()}
TITLES["overview"] = "MovieLens in numbers"
# How many a page draws of the tiny marts; a page that is not here counts them in tests of its own.
CHARTS = {
    **{"overview": 8, "films": 2, "compare": 2, "genres": 3, "tags": 2, "people": 3},
    **{"taste": 0, "changes": 0, "data": 0},
}
# What has its rows even where nobody rated anything.
NEVER_EMPTY = {"mart_dataset_status", "mart_weekday_hour"}
# Everything that an address may say, whether the page reads it or not.
ADDRESSES = {
    "filtered": {
        "view": "Table",
        "decade": "1990s",
        "compared": "Genres",
        "films": "1",
        "genre": "Horror",
        "years": "1990,2010",
        "min": "25",
        "q": "e",
        "genres": "Drama",
        "tag_search": "fun",
        "table": "mart_genre",
        "column": "n_",
    },
    "empty": {
        "films": "",
        "min": "5000",
        "q": "no such film",
        "genres": "",
        "tag_search": "no such tag",
        "column": "no such column",
    },
    "bad": {
        "genre": "<script>",
        "years": "9999,1",
        "min": "abc",
        "q": "%_'\"\\",
        "genres": "' or 1=1",
        "tag_search": "x" * 500,
        "table": "<script>",
        "column": "'; drop table x",
        "film": "1e9",
        "months": "never",
        "view": "<script>",
        "decade": "' or 1=1",
        "compared": "abc",
        "films": "1e9",
    },
}
BAD_NUMBERS = ["abc", "1e9", "' or 1=1", "99999999999999999999", "-1", "", "3.0", "９"]


def assert_healthy(app: AppTest, *, charts: int | None = None) -> None:
    assert not app.exception
    assert [element.value for element in app.error] == []
    assert len(app.title) == 1
    assert not any(trace in words(app) for trace in ("DeltaGenerator", "Traceback", "select "))
    cells = [element.value for kind in ("text", "caption", "metric") for element in app.get(kind)]
    assert not {"nan", "None", "NaT", "<NA>"} & {str(cell) for cell in cells}
    drawn = app.get("vega_lite_chart")
    assert all(chart.proto.alt.strip() for chart in drawn)
    if charts is not None:
        assert len(drawn) == charts


def table(app: AppTest, column: str) -> pd.DataFrame:
    """The first table of the page with such a column."""
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def names_of_charts(app: AppTest) -> list[str]:
    return [chart.proto.alt for chart in app.get("vega_lite_chart")]


def badges(app: AppTest) -> str:
    return "\n".join(element.value for element in app.markdown if "-badge" in element.value)


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_the_published_data(open_page: OpenPage, published: Path, page: str) -> None:
    app = open_page(published, page)
    assert_healthy(app, charts=CHARTS.get(page))
    assert app.title[0].value == TITLES[page]
    assert "data to 3 December 2006" in badges(app)
    assert "Generated data" not in words(app)
    assert all(said in words(app) for said in ("Harper and Joseph A", "Licence: ", "endorses"))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_that_data_are_generated(
    open_page: OpenPage, generated_without_genome: Path, page: str
) -> None:
    app = open_page(generated_without_genome, page)
    assert_healthy(app)
    assert "Generated data" in badges(app)


@pytest.mark.parametrize("home", ["published", "generated_without_genome"])
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_bears_every_address(
    open_page: OpenPage, request: pytest.FixtureRequest, page: str, address: str, home: str
) -> None:
    app = open_page(request.getfixturevalue(home), page, **ADDRESSES[address])
    assert_healthy(app)
    assert "Harper and Joseph A" in words(app)
    assert "<script>" not in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_that_nothing_is_published(
    open_page: OpenPage, tmp_path: Path, page: str
) -> None:
    app = open_page(tmp_path / "empty", page)
    assert_healthy(app, charts=0)
    assert "Nothing is published yet" in app.info[0].value
    assert "`movielens" not in words(app)
    assert str(tmp_path) not in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_that_the_file_is_corrupt(
    open_page: OpenPage, tmp_path: Path, page: str
) -> None:
    (tmp_path / "marts.duckdb").write_bytes(b"this is no database")
    app = open_page(tmp_path, page)
    assert not app.exception
    assert [error.value.split(".")[0] for error in app.error] == [
        "The published data cannot be read"
    ]
    assert "`movielens" not in words(app)
    assert str(tmp_path) not in words(app)


@pytest.fixture(scope="module")
def stale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built_at = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=31, hours=1)
    build = marts_fixture.Build(built_at=built_at)
    return marts_fixture.write_marts(tmp_path_factory.mktemp("stale"), build).parent


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_that_data_are_stale(open_page: OpenPage, stale: Path, page: str) -> None:
    app = open_page(stale, page)
    assert_healthy(app)
    assert "These data are stale: they were built 31 days ago" in app.warning[0].value


def test_how_old_is_stale_is_a_setting(
    open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built_at = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=31)
    marts_fixture.write_marts(tmp_path, marts_fixture.Build(built_at=built_at))
    monkeypatch.setenv("MOVIELENS_STALE_AFTER_DAYS", "60")
    assert "stale" not in words(open_page(tmp_path, "overview"))


def test_without_the_status_mart_no_page_pretends(open_page: OpenPage, tmp_path: Path) -> None:
    marts_fixture.write_marts(tmp_path, without=("mart_dataset_status",))
    app = open_page(tmp_path)
    assert not app.exception
    assert "mart_dataset_status is missing" in app.error[0].value


@pytest.mark.parametrize(
    ("page", "mart", "left"),
    [
        ("overview", "mart_rating_month", 4),
        ("overview", "mart_genre", 5),
        ("overview", "mart_movie", 6),
        ("genres", "mart_genre_decade", 2),
        ("tags", "mart_tag", 0),
        ("people", "mart_user_cohort", 2),
        ("people", "mart_weekday_hour", 2),
        ("data", "mart_lineage", 0),
        ("data", "mart_quality", 0),
        ("data", "mart_release_check", 0),
        ("data", "mart_refused_file", 0),
        ("people", "mart_user_activity", 2),
        ("films", "mart_movie", 0),
        ("compare", "mart_movie_year", 1),
        ("compare", "mart_movie", 0),
        ("taste", "mart_movie_liked_together", 0),
        ("changes", "mart_previous_version", 0),
        ("changes", "mart_previous_top_film", 0),
    ],
)
def test_a_missing_mart_costs_its_sections_only(
    open_page: OpenPage, tmp_path: Path, page: str, mart: str, left: int
) -> None:
    marts_fixture.write_marts(tmp_path, without=(mart,))
    app = open_page(tmp_path, page)
    assert_healthy(app, charts=left)
    said = [warning.value for warning in app.warning]
    assert any(f"{mart} is not among the published marts" in warning for warning in said)
    assert "`movielens" not in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_build_without_any_rating_is_shown_honestly(
    open_page: OpenPage, tmp_path: Path, page: str
) -> None:
    empty = sorted(marts_fixture.contract().keys() - NEVER_EMPTY)
    emptied = "".join(f"delete from {mart};" for mart in empty)
    emptied += """
        update mart_weekday_hour set n_ratings = 0;
        update mart_dataset_status set n_ratings = 0, n_users = 0, n_movies = 0,
            n_rated_movies = 0, sum_rating = 0, prior_mean = null, loaded_at = null,
            first_rating_at = null, last_rating_at = null, git_sha = null
    """
    marts_fixture.write_marts(tmp_path, change=emptied)
    app = open_page(tmp_path, page)
    assert_healthy(app, charts=0)
    assert "data to" not in badges(app)


# ---- overview ----------------------------------------------------------------------------------


def test_overview_counts_what_is_published(open_page: OpenPage, published: Path) -> None:
    app = open_page(published)
    assert app.text[0].value == "571 ratings of 20 films by 40 people."
    assert {metric.label: metric.value for metric in app.metric} == {
        "Ratings": "571",
        "People who rated": "40",
        "Mean rating": "3.01",
        "Films rated": "20",
        "Tags given": "120",
    }


def test_filters_come_from_the_address_and_are_said(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films", genre="Horror", min="25", view="Table")
    assert_healthy(app)
    assert app.selectbox(key="genre").value == "Horror"
    assert app.number_input(key="min").value == 25
    best = app.dataframe[0].value
    assert all("Horror" in genres for genres in best["Genres"])
    drawn = names_of_charts(open_page(published, "films", genre="Horror", min="25"))
    assert any("Horror" in name for name in drawn)


def test_reset_returns_to_all_films(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films", genre="Horror", min="25", view="Table")
    app.button[0].click().run()
    assert app.selectbox(key="genre").value == "All genres"
    assert app.number_input(key="min").value == 10
    assert len(app.dataframe[0].value) == 19


def test_a_filter_that_no_film_passes_says_the_way_out(
    open_page: OpenPage, published: Path
) -> None:
    app = open_page(published, min="5000")
    assert_healthy(app, charts=6)
    assert "No film passes this filter" in app.info[0].value
    assert "press Reset" in app.info[0].value


def test_bad_parameters_of_filters_fall_back(open_page: OpenPage, published: Path) -> None:
    bad = {"genre": "<script>alert(1)</script>", "years": "9999,1", "min": "abc"}
    app = open_page(published, **bad)
    assert_healthy(app, charts=8)
    assert app.selectbox(key="genre").value == "All genres"
    assert app.number_input(key="min").value == 10


def test_no_film_of_few_ratings_is_ranked_by_default(open_page: OpenPage, published: Path) -> None:
    ranked = open_page(published, "films", view="Table").dataframe[0].value
    assert ranked["Ratings"].min() >= 10


def test_claims_disappear_when_the_data_do_not_support_them(
    open_page: OpenPage, tmp_path: Path
) -> None:
    flat = """
        update mart_genre set sum_rating = 3 * n_ratings;
        update mart_rating_month set n_ratings = 7;
        delete from mart_rating_value_year where rating % 1 <> 0;
    """
    marts_fixture.write_marts(tmp_path, change=flat)
    said = words(open_page(tmp_path))
    assert "Highest:" not in said
    assert "loved most" not in said
    assert "are half stars" not in said
    assert "busiest month" not in said
    assert "no ratings at all" not in said
    assert "since half stars came" not in said


def test_the_front_page_searches_films(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, q="amelie")
    assert_healthy(app, charts=8)
    assert links(app)[0] == "Amélie \\(2001\\)"


def test_headings_are_findings_and_their_questions_stand_above(
    open_page: OpenPage, published: Path, tmp_path: Path
) -> None:
    app = open_page(published)
    above = [caption.value for caption in app.caption]
    assert "Did half stars change the scores?" in above
    (found,) = [head.value for head in app.header if "are half stars" in head.value]
    assert re.fullmatch(r"\d+ \\% of the ratings since 2003 are half stars", found)
    marts_fixture.write_marts(
        tmp_path, change="delete from mart_rating_value_year where rating % 1 <> 0"
    )
    app = open_page(tmp_path)
    assert "Did half stars change the scores?" in [head.value for head in app.header]
    assert not [head.value for head in app.header if "are half stars" in head.value]


# ---- films -------------------------------------------------------------------------------------


def test_search_finds_without_accents(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films", q="AMELIE")
    assert_healthy(app)
    assert links(app) == ["Amélie \\(2001\\)"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("%", ["100\\% Wolf \\(2020\\)"]),
        ("_", ["Cry\\_Wolf \\(2005\\)"]),
        ("matrix 1999", ["Matrix \\(1999\\)"]),
        ("worlds war", ["War of the Worlds \\(2005\\)"] * 2),
        ("' or 1=1 --", []),
        ("x" * 500, []),
        ("zzz", []),
    ],
)
def test_search_takes_what_is_typed_literally(
    open_page: OpenPage, published: Path, typed: str, found: list[str]
) -> None:
    app = open_page(published, "films", q=typed)
    assert_healthy(app)
    assert links(app) == found
    assert bool(app.info) is not bool(found)


def test_films_of_the_same_name_are_told_apart(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films", q="war of the worlds")
    told = [caption.value for caption in app.caption if "film 1" in caption.value]
    assert [text.split(" · ")[0] for text in sorted(told)] == [
        "Action\\, Sci\\-Fi",
        "Sci\\-Fi\\, Thriller",
    ]


@pytest.mark.parametrize("asked", BAD_NUMBERS)
def test_a_bad_film_number_gets_a_friendly_answer(
    open_page: OpenPage, published: Path, asked: str
) -> None:
    app = open_page(published, "films", film=asked)
    assert_healthy(app)
    assert "There is no film with this number" in app.info[0].value


@pytest.mark.parametrize("film", [film[0] for film in marts_fixture.FILMS] + [21])
def test_every_film_has_a_page(open_page: OpenPage, published: Path, film: int) -> None:
    app = open_page(published, "films", film=str(film))
    assert_healthy(app)
    assert app.header


def test_stars_of_a_film_sum_to_its_ratings(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films", film="1")
    ratings = {metric.label: metric.value for metric in app.metric}["Ratings"]
    assert f"{ratings} ratings" in app.get("vega_lite_chart")[0].proto.alt


def test_a_film_that_nobody_rated(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films", film="20")
    assert_healthy(app, charts=0)
    assert "Nobody has rated this film" in words(app)


def test_text_of_strangers_is_never_markdown(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films", film="7")
    assert app.title[0].value.startswith("\\!\\[x\\]\\(")
    assert any(label.startswith("\\!\\[x\\]\\(http") for label in links(app))
    interpreted = [element.value for kind in ("markdown", "caption") for element in app.get(kind)]
    assert not any("![x]" in text or "<img" in text for text in interpreted)


def test_films_liked_together_are_beside_those_of_the_genome(
    open_page: OpenPage, published: Path, generated_without_genome: Path
) -> None:
    with duckdb.connect(str(published / "marts.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select other_movie_id, n_people, lift from mart_movie_liked_together"
            " where movie_id = 4 order by rank"
        ).fetchall()
    assert rows
    told = [plain(f"{people} people, {lift:.1f} × chance") for _, people, lift in rows]
    with_genome = open_page(published, "films", film="4")
    assert [each.value for each in with_genome.caption if "× chance" in each.value] == told
    others = [f"film={number}" for number, *_ in rows]
    # Before them those of its year, all, and its neighbours in the ranking; after them ten more.
    assert links_to(with_genome, "films")[-10 - len(rows) : -10] == others
    without = open_page(generated_without_genome, "films", film="4")
    assert [each.value for each in without.caption if "× chance" in each.value] == told
    assert links_to(without, "films")[-len(rows) :] == others
    assert "genome" not in words(without)


def test_a_film_without_neighbours_says_so_in_a_sentence(
    open_page: OpenPage, generated_without_genome: Path
) -> None:
    said = words(open_page(generated_without_genome, "films", film="20"))
    assert "films that the same people like (from 20 people, more than chance would give)" in said


def links_to(app: AppTest, page: str) -> list[str]:
    """What the links to a page ask of it."""
    return [link.query_string for link in page_links(app) if link.page == page]


def test_genres_year_and_tags_of_a_film_are_links(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "films", film="19")
    assert_healthy(app)
    assert links_to(app, "genres") == ["genres=Action", "genres=Drama"]
    assert "years=1954%2C1954" in links_to(app, "films")
    tagged = open_page(published, "films", film="1")
    tags = links_to(tagged, "tags")
    assert tags
    for asked in tags:
        (name, (tag,)), *_ = parse_qs(asked).items()
        assert name == "tag"
        assert "Toy Story \\(1995\\)" in links(open_page(published, "tags", tag=tag))


def test_of_a_film_with_few_ratings_no_day_is_told(open_page: OpenPage, published: Path) -> None:
    """One rating is one person's."""
    one = words(open_page(published, "films", film="21"))
    assert "Rated in 2001." in one
    assert "February 2001" not in one
    many = words(open_page(published, "films", film="1"))
    assert re.search(r"First rated \d+ \w+ \d{4}, last \d+ \w+ \d{4}\.", many)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_claims_that_nothing_is_about_one_person(
    open_page: OpenPage, published: Path, page: str
) -> None:
    assert "row per person" not in words(open_page(published, page))


def test_a_film_in_the_address_of_another_page_is_opened(
    open_page: OpenPage, published: Path
) -> None:
    app = open_page(published, film="19")
    assert_healthy(app)
    assert app.title[0].value == "Seven Samurai \\(1954\\)"


def test_what_is_about_another_page_leaves_the_address(
    open_page: OpenPage, published: Path
) -> None:
    app = open_page(published, film="1e9", table="mart_movie", genre="Horror")
    assert_healthy(app)
    assert dict(app.query_params) == {"genre": "Horror"}


# ---- genres, tags, data ------------------------------------------------------------------------


def test_genres_draws_what_is_chosen(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "genres", genres=["Horror", "War"], measure="Mean rating")
    assert_healthy(app, charts=3)
    assert app.get("vega_lite_chart")[0].proto.alt.startswith("Mean rating per year for Horror")


def test_genres_without_a_choice_asks_for_one(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "genres", genres="")
    assert "Choose at least one genre" in words(app)


def test_tags_finds_films_of_a_tag(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "tags", tag_search="bor")
    assert_healthy(app, charts=2)
    assert app.selectbox(key="tag_found").options == ["boring"]
    assert len(links(app)) == 13
    assert "mean" in words(app)


def test_tags_takes_what_is_typed_literally(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "tags", tag_search="%")
    assert_healthy(app)
    assert "No tag contains this" in words(app)


# ---- people ------------------------------------------------------------------------------------


def test_people_are_told_in_groups(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "people")
    assert_healthy(app, charts=3)
    said = words(app)
    # 12 and 6 of the 40 gave 150 and 250 of the 571 ratings; most active first.
    assert "People with 32 ratings or more are" not in said  # 43.8 % is not half
    assert "People with 16 ratings or more are 45.0 % of all" not in said  # 70 % is not twice that
    assert "these data also hold 22 people with fewer" in said
    assert "No bar or cell stands for fewer than five people" in said


def test_people_of_generated_data_are_not_said_to_be_selected(
    open_page: OpenPage, generated_without_genome: Path
) -> None:
    assert "GroupLens" not in "\n".join(
        text.value for text in open_page(generated_without_genome, "people").text
    )


def test_claims_about_people_disappear_when_the_data_contradict_them(
    open_page: OpenPage, tmp_path: Path
) -> None:
    marts_fixture.write_marts(
        tmp_path,
        change="""
            update mart_user_activity set n_users = 100, n_ratings = 10 where lo < 32;
            update mart_user_activity set n_users = 10, n_ratings = 1000 where lo = 32;
            update mart_weekday_hour set n_ratings = 7;
        """,
    )
    app = open_page(tmp_path, "people")
    assert "People with 32 ratings or more are 4.8 % of all, and gave 98.0 %" in words(app)
    assert "Most ratings came on" not in words(app)
    even = "update mart_user_activity set n_users = 10, n_ratings = 100"
    marts_fixture.write_marts(tmp_path, change=even)
    assert "People with" not in words(open_page(tmp_path, "people"))


def test_the_page_says_how_many_years_cohorts_pool_and_why(
    open_page: OpenPage, tmp_path: Path
) -> None:
    marts_fixture.write_marts(tmp_path)
    app = open_page(tmp_path, "people")
    assert "Each row: the newcomers of 1 to 2 years" in words(app)
    assert "too many cells would stand for fewer than five people" in words(app)
    by_year = "update mart_user_cohort set last_cohort_year = cohort_year"
    marts_fixture.write_marts(tmp_path, change=by_year)
    app = open_page(tmp_path, "people")
    assert "Each row: the newcomers of one year" in words(app)
    assert "too many cells" not in words(app)


def test_years_that_not_all_of_a_cohort_have_had_are_not_drawn(
    open_page: OpenPage, tmp_path: Path
) -> None:
    until = "select year(last_rating_at) from mart_dataset_status"
    change = f"""
        delete from mart_user_cohort;
        insert into mart_user_cohort by name
        select until - span - 4 as cohort_year, until - span as last_cohort_year, years_since,
            case when years_since < 2 then years_since end as last_years_since,
            50 - 20 * years_since as n_users_active, 100 as n_ratings
        from ({until}) as ends (until), range(0, 2) as s (span), range(0, 3) as y (years_since)
    """
    marts_fixture.write_marts(tmp_path, change=change)
    app = open_page(tmp_path, "people")
    assert_healthy(app, charts=3)
    assert "Of 50 newcomers, 60.0 % rated again" in words(app)
    assert "the newcomers of 5 years" in words(app)


def test_cohorts_that_nobody_may_be_told_of_are_not_drawn(
    open_page: OpenPage, tmp_path: Path
) -> None:
    change = "delete from mart_user_cohort where years_since > 0"
    marts_fixture.write_marts(tmp_path, change=change)
    app = open_page(tmp_path, "people")
    assert_healthy(app, charts=2)
    assert "without singling people out" in app.info[0].value


# ---- where numbers come from -------------------------------------------------------------------


def test_a_table_is_followed_to_its_files(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "data", table="mart_user_activity")
    assert_healthy(app)
    assert app.title[0].value == "mart\\_user\\_activity"
    assert list(table(app, "data_type")["column_name"]) == ["bucket", "lo", "hi", "n_users",
                                                            "n_ratings"]  # fmt: skip
    assert list(table(app, "load_id")["path"]) == ["ratings.csv"]
    assert "People: Do a few people give most of the ratings?" in words(app)


@pytest.mark.parametrize("asked", ["nothing", "", "mart_movie; drop table x", "<script>"])
def test_a_table_that_is_none_shows_the_whole_page(
    open_page: OpenPage, published: Path, asked: str
) -> None:
    app = open_page(published, "data", table=asked)
    assert_healthy(app)
    assert app.title[0].value == "Data"


def test_each_section_of_figures_offers_its_origin(open_page: OpenPage, published: Path) -> None:
    elsewhere = {
        "How is it rated?",
        "How do its stars differ from the usual?",
        "Where does it stand in the ranking?",
        "When was it rated?",
        "What do people call it?",
        "What is like it?",
        "Which genres are compared?",
        "How are the genres rated over the years?",
    }
    for name, page in contents.PAGES.items():
        labels = [box.proto.popover.label for box in open_page(published, name).get("popover")]
        asked = page.questions.keys() - elsewhere
        assert labels.count("Where this comes from") == len(asked), name


README_OF_SMALL = """
    insert into mart_release_check values
        ('ratings', 'readme', 100836, 100836, 100836, 'agrees', 'r'),
        ('users', 'readme', 610, null, 610, 'agrees', 'u'),
        ('movies', 'readme', 9742, 9742, 9742, 'agrees', 'm'),
        ('tags', 'readme', 3683, 3683, 3683, 'agrees', 't');
"""


def test_counts_are_compared_with_the_readme_of_the_release(
    open_page: OpenPage, tmp_path: Path
) -> None:
    marts_fixture.write_marts(tmp_path, change=README_OF_SMALL)
    app = open_page(tmp_path, "data")
    assert_healthy(app)
    assert any(said.value.startswith("All counts match the README") for said in app.success)
    shown = table(app, "expected")
    assert list(shown["check_name"]) == [
        "Ratings",
        "People who rated",
        "Films listed",
        "Tags given",
    ]
    assert set(shown["outcome"]) == {"agrees"}


def test_counts_that_differ_from_the_readme_are_a_failed_check(
    open_page: OpenPage, tmp_path: Path
) -> None:
    change = (
        "update mart_release_check set outcome = 'differs', found = 1 where check_name = 'users'"
    )
    marts_fixture.write_marts(tmp_path, change=README_OF_SMALL + change)
    app = open_page(tmp_path, "data")
    assert not app.exception
    assert app.error[0].value.startswith("Check failed: People who rated differ")


def test_without_a_readme_nothing_is_compared(open_page: OpenPage, published: Path) -> None:
    assert "No README with counts came with the files" in words(open_page(published, "data"))


def test_a_release_that_was_accepted_is_named(open_page: OpenPage, tmp_path: Path) -> None:
    change = """
        insert into mart_release_check values ('ratings shrank', 'release', null, null, null,
            'accepted', 'ratings: 5, 50.0% fewer than the 10 that are published')
    """
    marts_fixture.write_marts(tmp_path, change=change)
    app = open_page(tmp_path, "data")
    assert not app.exception
    assert any("but it was accepted" in said.value and "50" in said.value for said in app.warning)


def test_refused_files_are_named(open_page: OpenPage, tmp_path: Path) -> None:
    change = """
        insert into mart_refused_file values
            ('![x](http://127.0.0.1:9/x.png).csv', 'ratings', 12, timestamp '2026-11-23 01:02:03')
    """
    marts_fixture.write_marts(tmp_path, change=change)
    app = open_page(tmp_path, "data")
    assert not app.exception
    assert "1 file refused: no rows of it are in these figures." in [
        said.value for said in app.warning
    ]
    assert list(table(app, "refused_at")["dataset"]) == ["ratings"]


def test_months_in_the_address_are_summed_up(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, months=["1998-01", "2000-12"])
    assert_healthy(app)
    assert "January 1998 to December 2000: no ratings." in words(app)
    assert any("no ratings." in name for name in names_of_charts(app))


@pytest.mark.parametrize("asked", [["2000-12", "1998-01"], ["abc", "<script>"], ["1998-01"]])
def test_bad_months_in_the_address_fall_back(
    open_page: OpenPage, published: Path, asked: list[str]
) -> None:
    app = open_page(published, months=asked)
    assert_healthy(app, charts=8)


# ---- data --------------------------------------------------------------------------------------


def test_dictionary_is_searchable_and_complete(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "data", column="WEIGHTED")
    assert_healthy(app)
    found = table(app, "data_type")
    assert list(found["column_name"]) == ["weighted_score", "rank_weighted"] * 2
    assert set(found["table_name"]) == {"mart_movie", "mart_previous_top_film"}


def test_a_failed_check_is_shown_as_failed(open_page: OpenPage, tmp_path: Path) -> None:
    failed = """
        update mart_quality set status = 'fail', failures = 5
        where test_name = 'unique_mart_genre_genre';
        update mart_dataset_status set tests_failed = 1, tests_passed = 1
    """
    marts_fixture.write_marts(tmp_path, change=failed)
    app = open_page(tmp_path, "data")
    assert not app.exception
    assert app.error[0].value.startswith("1 check passed, 1 warned, 1 failed")
    first = table(app, "status").iloc[0]
    assert (first["status"], first["failures"]) == ("fail", 5)


def test_checks_that_ran_after_the_count_are_explained(
    open_page: OpenPage, published: Path, tmp_path: Path
) -> None:
    before = words(open_page(published, "data"))
    assert "of the tables that report on the build" not in before
    change = """
        insert into mart_tested_table values
            ('one more', 'mart_quality', 'mart_quality', 'mart'),
            ('one more', 'mart_quality', 'fct_ratings', 'fct')
    """
    marts_fixture.write_marts(tmp_path, change=change)
    assert "1 more check of the tables that report on the build" in words(
        open_page(tmp_path, "data")
    )


def test_lineage_leads_from_sources_to_the_mart(open_page: OpenPage, published: Path) -> None:
    app = open_page(published, "data", table="mart_genre")
    assert_healthy(app)
    drawn = next(text.value for text in app.markdown if "flowchart" in text.value)
    assert all(layer in drawn for layer in ("subgraph raw", "subgraph src", "subgraph mart"))
    assert "raw__raw_ratings --> src__src_ratings" in drawn
    assert "dim__dim_movies" not in drawn  # not above mart_genre


def test_each_column_of_a_table_says_where_it_comes_from(
    open_page: OpenPage, published: Path, tmp_path: Path
) -> None:
    app = open_page(published, "data", table="mart_genre")
    columns = table(app, "column_name").set_index("column_name")
    assert columns.loc["sum_rating", "origin"] == "raw.ratings.rating, through sum"
    # A release that did not know them has published no edges between columns.
    marts_fixture.write_marts(tmp_path, without=("mart_column_lineage",))
    app = open_page(tmp_path, "data", table="mart_genre")
    assert_healthy(app)
    assert "origin" not in table(app, "column_name")


def test_a_new_version_is_shown_by_the_next_run(open_page: OpenPage, tmp_path: Path) -> None:
    marts_fixture.write_marts(tmp_path, marts_fixture.Build(version="one"))
    app = open_page(tmp_path)
    assert "version one" in badges(app)
    tripled = "update mart_dataset_status set n_ratings = 1713"
    marts_fixture.write_marts(tmp_path, marts_fixture.Build(version="two"), tripled)
    app.run()
    assert "version two" in badges(app)
    assert app.metric[0].value == "1,713"


def test_charts_carry_rows_apart_from_the_specification(
    open_page: OpenPage, published: Path
) -> None:
    for chart in open_page(published).get("vega_lite_chart"):
        assert "values" not in json.loads(chart.proto.spec).get("data", {})
        assert chart.proto.data.data
