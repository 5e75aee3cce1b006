"""Sentences: right on tiny frames, absent when the data do not support them."""

from __future__ import annotations

import pandas as pd
import pytest

from dashboard import findings


def months(*counts: int) -> pd.DataFrame:
    starts = pd.date_range("2001-01-01", periods=len(counts), freq="MS")
    return pd.DataFrame({"month": starts, "n_ratings": counts})


def stars(*rows: tuple[int, float, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["rating_year", "rating", "n_ratings"])


def genres(**means: float) -> pd.DataFrame:
    rows = [(genre, 30, 30 * mean) for genre, mean in means.items()]
    return pd.DataFrame(rows, columns=["genre", "n_ratings", "sum_rating"])


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (
            (3, 0, 1),
            "The busiest month was January 2001: 3 ratings, 75.0 % of all."
            " 1 month in between had no ratings at all.",
        ),
        ((2, 2), None),
        ((1, 0, 0, 1), "2 months in between had no ratings at all."),
        ((0, 0), None),
        ((), None),
    ],
)
def test_busiest_month(counts: tuple[int, ...], said: str | None) -> None:
    assert findings.busiest_month(months(*counts)) == said


def test_half_stars_begin_in_the_first_year_that_has_one() -> None:
    assert findings.half_star_year(stars((2001, 3, 1), (2003, 3.5, 1), (2004, 0.5, 9))) == 2003


def test_half_stars_from_the_start_are_no_change() -> None:
    assert findings.half_star_year(stars((2001, 3.5, 1), (2002, 3, 1))) is None
    assert findings.half_star_effect(stars((2001, 3.5, 100), (2002, 3, 100))) is None


def test_half_star_effect_compares_both_sides() -> None:
    lower = findings.half_star_effect(stars((2001, 4, 30), (2003, 3.5, 30)))
    assert lower is not None
    assert lower.startswith(
        "The mean has been lower since half stars came in 2003: 3.50, against 4.00"
    )
    higher = findings.half_star_effect(stars((2001, 3, 30), (2003, 3.5, 30)))
    assert higher is not None
    assert "higher" in higher


def test_half_star_effect_needs_enough_on_both_sides() -> None:
    assert findings.half_star_effect(stars((2001, 4, 29), (2003, 3.5, 3000))) is None


def test_genre_extremes() -> None:
    assert findings.genre_extremes(genres(War=4.0, Horror=2.5), 3.5) == (
        "Highest: War, 4.00 stars (+0.50 against the average of all ratings). Lowest: Horror, 2.50"
        " (-1.00)."
    )
    assert findings.genre_extremes(genres(War=3.0, Horror=3.0), 3.0) is None
    assert findings.genre_extremes(genres(War=3.0), 3.0) is None
    assert findings.genre_extremes(genres(War=4.0, Horror=2.5), None) is None


def test_popularity_follows_the_data() -> None:
    assert findings.popularity(1_000, -0.654) == (
        "Over 1,000 films, the correlation of the mean with the logarithm of the number of ratings"
        " is -0.65. There are many exceptions."
    )
    for nothing in (None, float("nan")):  # all alike: no correlation exists
        assert findings.popularity(30, nothing) is None
    assert findings.popularity(29, 0.6) is None


def test_trend_names_what_moved_most() -> None:
    years = range(2000, 2006)
    rows = [("Up", y, 0.1 + 0.1 * i) for i, y in enumerate(years)]
    rows += [("Flat", y, 0.2) for y in years]
    frame = pd.DataFrame(rows, columns=["series", "rating_year", "value"])
    assert findings.trend(frame, "share") == (
        "Last three years compared with the first three: Up rose by 30.0 percentage points."
    )
    assert findings.trend(frame[frame["series"] == "Flat"], "share") is None
    assert findings.trend(frame.head(5), "share") is None


def test_old_films() -> None:
    columns = ["release_decade", "n_ratings", "sum_rating"]
    rows = pd.DataFrame([(1940, 30, 120.0), (1990, 60, 180.0), (1900, 2, 10.0)], columns=columns)
    said = findings.old_films(rows)
    assert said is not None
    assert said.startswith(
        "Films of the 1940s score highest (4.00), films of the 1990s lowest (3.00)"
    )
    assert findings.old_films(rows.head(1)) is None


def test_loved_tag_needs_a_choice() -> None:
    columns = ["tag", "n_people", "n_ratings", "sum_rating"]
    rows = [(f"t{i}", 5, 100, 300.0 + i) for i in range(10)]
    said = findings.loved_tag(pd.DataFrame(rows, columns=columns), 3.0)
    assert said is not None
    assert "films tagged “t9” have the highest mean (3.09)" in said
    assert findings.loved_tag(pd.DataFrame(rows[:9], columns=columns), 3.0) is None


def test_commonest_tag_names_all_of_the_first_place() -> None:
    tags = pd.DataFrame({"tag": ["a", "b", "c"], "n_people": [5, 5, 2]})
    assert findings.commonest_tag(tags, 9) == (
        "Used by most people: “a” and “b”, each by 5 of the 9 who tagged anything."
    )
    assert findings.commonest_tag(tags.tail(1), 9) == (
        "Used by most people: “c”, by 2 of the 9 who tagged anything."
    )
    assert findings.commonest_tag(tags.assign(n_people=1).loc[[0, 1, 2, 2]], 9) is None


def test_commonest_pair_needs_a_single_first() -> None:
    pairs = pd.DataFrame({"pair": ["A + B", "A + C"], "n_movies": [2, 1]})
    assert findings.commonest_pair(pairs) == "Most often together: A + B, 2 films."
    assert findings.commonest_pair(pairs.assign(n_movies=1)) is None


def test_one_is_not_plural() -> None:
    assert findings.counted(1, "person", "people") == "1 person"
    assert findings.counted(1234, "film") == "1,234 films"


# ---- people ------------------------------------------------------------------------------------


def groups(*rows: tuple[int, int | None, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["lo", "hi", "n_users", "n_ratings"])


def test_concentration_names_the_fewest_who_gave_half() -> None:
    rows = groups((20, 31, 80, 400), (32, 63, 15, 300), (64, None, 5, 500))
    assert findings.concentration(rows) == (
        "People with 32 ratings or more are 20.0 % of all, and gave 66.7 % of the ratings."
    )


@pytest.mark.parametrize(
    "rows",
    [
        groups((20, 31, 50, 500), (32, None, 50, 500)),  # alike
        groups((20, 31, 60, 400), (32, None, 40, 600)),  # more than half, not twice their share
        groups((20, 31, 20, 10), (32, None, 5, 500)),  # too few people
        groups((1, None, 100, 500)),  # all are one group
        groups(),
    ],
)
def test_concentration_is_not_claimed_without_it(rows: pd.DataFrame) -> None:
    assert findings.concentration(rows) is None


def test_selection_is_said_unless_the_data_contradict_it() -> None:
    rows = groups((16, 31, 9, 200), (32, None, 9, 400))
    assert "20 ratings or more" in str(findings.selection(rows, False))
    assert findings.selection(rows, True) is None
    assert "7 people with fewer" in str(findings.selection(groups((1, 15, 7, 9)), False))


def hours(*counts: int) -> pd.DataFrame:
    return pd.DataFrame({"day": "Monday", "hour": range(len(counts)), "n_ratings": counts})


def test_busiest_hour() -> None:
    assert findings.busiest_hour(hours(30, 2000, 31)) == (
        "Most ratings came on Mondays from 01:00 to 01:59 UTC (2,000), fewest on Mondays from 00:00"
        " to 00:59 (30)."
    )
    assert findings.busiest_hour(hours(30, 40, 40)) is None
    assert findings.busiest_hour(hours(30, 30, 40)) is None
    assert findings.busiest_hour(hours(1, 2, 3)) is None


def cells(*rows: tuple[int, int, int, int, int]) -> pd.DataFrame:
    names = ["last_cohort_year", "years_since", "end", "n_users_active", "n_newcomers"]
    return pd.DataFrame(rows, columns=names)


def test_returning_counts_newcomers_of_years_told_on_their_own() -> None:
    rows = cells((2000, 0, 1, 100, 100), (2000, 1, 2, 20, 100), (2001, 0, 1, 50, 50))
    assert findings.returning(rows, 2001) == (
        "Of 100 newcomers, 20.0 % rated again in the calendar year after their first."
    )
    # In 2002 the newcomers of 2001 could have come back, and fewer than five did: the 20 % of the
    # others would tell too much.
    assert findings.returning(rows, 2002) is None
    assert findings.returning(cells((2000, 0, 1, 9, 9), (2000, 1, 2, 5, 9)), 2001) is None


def test_a_span_of_months_is_summed_up() -> None:
    rows = months(3, 0, 1).assign(sum_rating=[12.0, 0.0, 2.0])
    assert findings.span(rows, pd.Series([True, True, False])) == (
        "January 2001 to February 2001: 3 ratings, 75.0 % of all, mean 4.00."
    )
    assert findings.span(rows, pd.Series([False, True, False])) == "February 2001: no ratings."


# ---- headings ----------------------------------------------------------------------------------


def test_half_stars_are_counted_since_there_are_any() -> None:
    every = stars((2001, 4, 100), (2003, 3.5, 42), (2004, 3, 58))
    assert findings.half_stars_in_short(every) == "42 % of the ratings since 2003 are half stars"
    assert findings.half_stars_in_short(stars((2001, 4, 100), (2003, 3, 58))) is None
    assert findings.half_stars_in_short(stars((2001, 3.5, 100), (2003, 3, 58))) is None
    assert findings.half_stars_in_short(stars((2001, 4, 100), (2003, 3.5, 29))) is None


def test_genres_in_short() -> None:
    assert findings.genres_in_short(genres(War=4.0, Drama=3.0, Horror=2.5)) == (
        "War is loved most, Horror least"
    )
    few = genres(War=4.0, Horror=2.5).assign(n_ratings=29)
    for rows in (genres(War=3.0, Horror=3.0), genres(War=3.0), few):
        assert findings.genres_in_short(rows) is None


def test_popularity_in_short() -> None:
    for r, said in (
        (0.6, "loved clearly more"),
        (0.2, "loved somewhat more"),
        (0.09, "loved about as much as others"),
        (-0.2, "loved somewhat less"),
    ):
        assert findings.popularity_in_short(30, r) == f"Popular films are {said}"
    assert findings.popularity_in_short(29, 0.6) is None
    assert findings.popularity_in_short(30, float("nan")) is None


def test_busiest_month_in_short() -> None:
    months = pd.DataFrame({"month": pd.to_datetime(["2001-01-01", "2001-02-01"])})
    assert findings.busiest_month_in_short(months.assign(n_ratings=[1, 5])) == (
        "February 2001 was the busiest month"
    )
    assert findings.busiest_month_in_short(months.assign(n_ratings=[5, 5])) is None
    assert findings.busiest_month_in_short(months.head(1).assign(n_ratings=[5])) is None


def test_old_films_in_short() -> None:
    columns = ["release_decade", "n_ratings", "sum_rating"]
    rows = pd.DataFrame([(1940, 30, 120.0), (1990, 60, 180.0)], columns=columns)
    assert findings.old_films_in_short(rows) == "Films of the 1940s score highest"
    assert findings.old_films_in_short(rows.head(1)) is None
    assert findings.old_films_in_short(rows.assign(sum_rating=rows["n_ratings"] * 3.0)) is None


def test_commonest_tag_in_short() -> None:
    tags = pd.DataFrame({"tag": ["slow", "funny"], "n_people": [2, 5]})
    assert findings.commonest_tag_in_short(tags) == "“funny” is what most people say"
    assert findings.commonest_tag_in_short(tags.assign(n_people=5)) is None
    assert findings.commonest_tag_in_short(tags.head(0)) is None


def test_headings_about_people() -> None:
    groups = pd.DataFrame({"lo": [1, 32], "n_users": [90, 10], "n_ratings": [100, 900]})
    assert findings.concentration_in_short(groups) == (
        "10.0 % of the people gave 90.0 % of the ratings"
    )
    assert findings.concentration_in_short(groups.assign(n_ratings=[900, 100])) is None
    hours = pd.DataFrame({"day": ["Monday"] * 3, "hour": [1, 2, 20], "n_ratings": [9, 10, 40]})
    assert findings.busiest_hour_in_short(hours) == "Monday is busiest, from 20:00 UTC"
    assert findings.busiest_hour_in_short(hours.assign(n_ratings=20)) is None
    cells = pd.DataFrame(
        {
            "last_cohort_year": [2000, 2000],
            "years_since": [0, 1],
            "end": [1, 2],
            "n_users_active": [100, 12],
            "n_newcomers": [100, 100],
        }
    )
    assert findings.returning_in_short(cells, 2005) == (
        "12 % of newcomers rate again the year after"
    )
    assert findings.returning_in_short(cells.assign(n_newcomers=29), 2005) is None


# ---- films, comparisons, versions --------------------------------------------------------------


def given(**counts: int) -> pd.DataFrame:
    rows = [(float(star.strip("s").replace("_", ".")), n) for star, n in counts.items()]
    return pd.DataFrame(rows, columns=["rating", "n_ratings"])


def test_unusual_stars_names_what_is_more_often_than_usual() -> None:
    own, usual = given(s3=20, s4=12, s5=32), given(s3=400, s4=400, s5=200)
    assert findings.unusual_stars(own, usual) == "50 % gave five stars, against 20 % usually"
    halves = findings.unusual_stars(given(s0_5=30, s4=30), given(s0_5=1, s4=99))
    assert halves == "50 % gave half a star, against 1 % usually"


def test_unusual_stars_needs_enough_that_is_unusual() -> None:
    usual = given(s3=400, s4=400, s5=200)
    assert findings.unusual_stars(given(s3=9, s4=0, s5=20), usual) is None
    assert findings.unusual_stars(given(s3=40, s4=40, s5=20), usual) is None
    assert findings.unusual_stars(given(s3=400, s4=400, s5=224), usual) is None


@pytest.mark.parametrize(
    ("rank", "n_films", "said"),
    [
        (1, 9_724, "The best of 9,724 rated films."),
        (2, 9_724, "Above 99.9 % of the 9,724 rated films."),
        (2, 3, "Above 33.3 % of the 3 rated films."),
        (3, 3, "The last of 3 rated films."),
        (1, 1, "The best of 1 rated films."),
    ],
)
def test_standing_is_rounded_down(rank: int, n_films: int, said: str) -> None:
    assert findings.standing(rank, n_films) == said


def by_year(*rows: tuple[int, int, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["rating_year", "n_ratings", "sum_rating"])


def test_first_year_against_later_ones() -> None:
    rows = by_year((1997, 30, 132.0), (1998, 10, 40.0), (2001, 30, 120.0))
    assert findings.first_year(rows) == (
        "In 1997, its first year here, its mean was 4.40; since then 4.00, which is lower."
    )
    same = findings.first_year(by_year((1997, 30, 120.0), (1998, 30, 120.1)))
    assert same == "The mean of its first year here, 1997, is that of all later ones: 4.00."
    assert findings.first_year(by_year((1997, 29, 90.0), (1998, 90, 1.0))) is None
    assert findings.first_year(by_year((1997, 90, 90.0))) is None
    assert findings.first_year(by_year()) is None


def test_loved_most_of_several() -> None:
    columns = ["series", "n_ratings", "sum_rating"]
    rows = pd.DataFrame([("A", 30, 90.0), ("B", 30, 120.0), ("C", 40, 140.0)], columns=columns)
    assert findings.loved_most(rows) == "B is loved most: 4.00, against 3.50"
    assert findings.loved_most(rows.head(1)) is None
    assert findings.loved_most(rows.assign(n_ratings=29)) is None
    assert findings.loved_most(rows.assign(n_ratings=30, sum_rating=90.0)) is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (0, "As many ratings as before"),
        (1, "1 more rating than before"),
        (-1_204, "1,204 fewer ratings than before"),
    ],
)
def test_growth(more: int, said: str) -> None:
    assert findings.growth(more) == said


def test_films_that_entered_and_left() -> None:
    assert findings.moved(0, 0, 100) == "The same films are the best 100"
    assert findings.moved(1, 0, 20) == "1 film entered the best 20, 0 left"
