"""Which of many films the scatter draws, and over which its correlation is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from statistics import correlation

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from tests.support import marts_fixture
from tests.support.pages import words

OpenPage = Callable[..., AppTest]
# 11 to 8,113 ratings, most films with few; the small ones are rated worse, but for the gems.
MANY = """
    insert into mart_movie by name
    with sized as (
        select i, 10 + cast(exp(9 * (i / 5000.0) ** 3) as bigint) as n_ratings
        from range(1, 5001) as films (i)
    ),
    rated as (
        select
            *,
            case when i % 500 = 7 then 4.5 else 2 + ((i * 37) % 41) / 20 + i / 10000.0 end as mean
        from sized
    )
    select
        1000 + i as movie_id, 'Film ' || i as title, 'film ' || i as title_search,
        1990 as release_year, 'Drama' as genres_text, false as is_inferred, n_ratings,
        mean * n_ratings as sum_rating, 1.0 as sd_rating,
        (25 * 3 + mean * n_ratings) / (25 + n_ratings) as weighted_score,
        0 as h05, 0 as h10, 0 as h15, 0 as h20, 0 as h25, n_ratings as h30, 0 as h35, 0 as h40,
        0 as h45, 0 as h50
    from rated;
    update mart_movie set rank_weighted = ranked.place
    from (
        select
            movie_id,
            row_number() over (order by weighted_score desc, n_ratings desc, movie_id) as place
        from mart_movie where n_ratings > 0
    ) as ranked
    where mart_movie.movie_id = ranked.movie_id;
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return marts_fixture.write_marts(tmp_path_factory.mktemp("many"), change=MANY).parent


def drawn(app: AppTest) -> pd.DataFrame:
    (chart,) = [
        chart
        for chart in app.get("vega_lite_chart")
        if "by number of ratings and mean" in chart.proto.alt
    ]
    return pa.ipc.open_stream(chart.proto.data.data).read_pandas()


def ask(home: Path, sql: str) -> list[tuple[int, ...]]:
    with duckdb.connect(str(home / "marts.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_every_gem_and_every_best_loved_film_is_drawn(open_page: OpenPage, many: Path) -> None:
    rows = drawn(open_page(many))
    assert len(rows) == 1500
    assert rows["group"].value_counts().to_dict() == {
        "Other films": 1480,
        "Best loved": 10,
        "Hidden gem": 10,
    }
    best = "select movie_id from mart_movie where n_ratings >= 10 order by rank_weighted limit 10"
    marked = set(rows.loc[rows["group"] == "Best loved", "movie_id"])
    assert marked == {number for (number,) in ask(many, best)}
    gems = rows[rows["group"] == "Hidden gem"]
    ((prior,),) = ask(many, "select prior_weight from mart_dataset_status")
    assert gems["n_ratings"].max() <= 2 * prior


def test_films_of_every_size_of_audience_are_drawn(open_page: OpenPage, many: Path) -> None:
    rows = drawn(open_page(many))
    sizes = (
        "select distinct cast(floor(log2(n_ratings)) as int) from mart_movie where n_ratings > 9"
    )
    assert {int(math.log2(n)) for n in rows["n_ratings"]} == {size for (size,) in ask(many, sizes)}
    assert rows["n_ratings"].min() <= 11
    assert rows["n_ratings"].max() == 8113


def test_the_same_films_are_drawn_each_time(open_page: OpenPage, many: Path) -> None:
    first, second = (set(drawn(open_page(many))["movie_id"]) for _ in range(2))
    assert first == second


def test_the_correlation_is_over_all_films(open_page: OpenPage, many: Path) -> None:
    films = ask(many, "select n_ratings, sum_rating from mart_movie where n_ratings >= 10")
    r = correlation([math.log(n) for n, _ in films], [total / n for n, total in films])
    said = words(open_page(many))
    assert f"number of ratings is {r:.2f}" in said
    assert f"{len(films):,} films. 1,500 of them are drawn" in said.replace("\\", "")


def test_of_few_films_all_are_drawn(open_page: OpenPage, published: Path) -> None:
    app = open_page(published)
    assert len(drawn(app)) == 19
    assert "19 films. All are drawn." in words(app).replace("\\", "")
