"""Charts: built once, without data, with the encodings that readers rely on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from dashboard import charts, layout

BUILDERS = [
    build
    for name, build in vars(charts).items()
    if name[0] != "_" and getattr(build, "__module__", "") == charts.__name__ and callable(build)
]
each_chart = pytest.mark.parametrize("build", BUILDERS, ids=lambda build: str(build.__name__))


def encodings(spec: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for view in spec.get("layer", [spec]):
        yield from view["encoding"].items()


@each_chart
def test_holds_no_rows_and_no_look_of_its_own(build: Callable[[], charts.Spec]) -> None:
    spec = build()
    assert spec["data"] == {"name": "source"}
    assert "datasets" not in spec
    assert "config" not in spec
    assert all("data" not in layer for layer in spec.get("layer", []))


@each_chart
def test_is_built_once_and_not_changed_by_drawing(build: Callable[[], charts.Spec]) -> None:
    before = copy.deepcopy(build())
    layout.draw(pd.DataFrame({"n_ratings": []}), build(), "empty")
    assert build() is build()
    assert build() == before


@each_chart
def test_marks_have_tooltips(build: Callable[[], charts.Spec]) -> None:
    assert any(name == "tooltip" for name, _ in encodings(build()))


@each_chart
def test_no_label_of_a_category_is_dropped(build: Callable[[], charts.Spec]) -> None:
    for name, channel in encodings(build()):
        if name in ("x", "y") and channel.get("type") in ("nominal", "ordinal"):
            assert channel["axis"]["labelOverlap"] is False


@each_chart
def test_groups_differ_by_more_than_colour(build: Callable[[], charts.Spec]) -> None:
    channels = dict(encodings(build()))
    if channels.get("color", {}).get("type") == "nominal":
        marks = {str(layer["mark"]) for layer in build().get("layer", [])}
        assert "shape" in channels or channels.keys() & {"xOffset", "yOffset"} or len(marks) == 2


def test_scatter_is_logarithmic_and_selects_films() -> None:
    spec, names = charts.popular_and_loved()["layer"]
    assert names["mark"]["type"] == "text"
    assert spec["encoding"]["x"]["scale"]["type"] == "log"
    assert spec["encoding"]["y"]["scale"] == {"zero": False}
    (picked,) = charts.popular_and_loved()["params"]
    assert picked["name"] == "film"
    assert picked["select"]["fields"] == ["movie_id"]


def test_activity_draws_months_as_bars_so_that_gaps_stay_gaps() -> None:
    bars = charts.activity()["layer"][0]
    assert bars["mark"] == {"type": "bar", "binSpacing": 0.5}
    assert bars["encoding"]["x"]["timeUnit"] == "yearmonth"


def test_few_ratings_are_grey_in_the_heat_map() -> None:
    few, many, _ = charts.genre_decades()["layer"]
    assert few["transform"] == [{"filter": "!datum.enough"}]
    assert "color" not in few["encoding"]
    assert many["encoding"]["color"]["field"] == "mean"
