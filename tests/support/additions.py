"""The additions of docs/contributing.md, made for good: a dataset, a mart with its page, and so on.

Each is the list of files that a contributor touches, with what goes into them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """What goes into one file: after a text that occurs once in it, or at the end of it."""

    path: str
    text: str
    after: str = ""


def apply(edits: tuple[Edit, ...], project: Path) -> None:
    """Makes the edits in a copy of the project; files that are not there are made."""
    for edit in edits:
        file = project / edit.path
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        if edit.after:
            assert before.count(edit.after) == 1, f"{edit.path}: {edit.after}"
            after = before.replace(edit.after, edit.after + edit.text)
        else:
            after = before + edit.text
        file.write_text(after, encoding="utf-8")


MART = (
    Edit(
        "models/mart/mart_seasons.sql",
        """\
with ratings_per_month_of_year as (
    select
        cast(extract(month from rated_at) as bigint) as month_of_year,
        cast(count(*) as bigint) as n_ratings
    from {{ ref('fct_ratings') }}
    group by extract(month from rated_at)
)

select * from ratings_per_month_of_year
order by month_of_year
""",
    ),
    Edit(
        "models/mart/_mart_seasons.yml",
        """\
version: 2

models:
  - name: mart_seasons
    description: One row per month of the year (UTC) in which anyone rated, all years together.
    data_tests:
      - valid_columns:
          name: valid_columns_of_mart_seasons
          arguments:
            in_range:
              month_of_year: [1, 12]
              n_ratings: [1]
    columns:
      - name: month_of_year
        data_type: bigint
        description: Month of the year, 1 = January to 12 = December.
        data_tests:
          - unique
      - name: n_ratings
        data_type: bigint
        description: '{{ doc("n_ratings") }}'

exposures:
  - name: dashboard_seasons
    label: Seasons
    type: dashboard
    description: In which months do people rate?
    owner:
      name: Maintainers of MovieLens Warehouse
    depends_on:
      - ref('mart_dataset_status')
      - ref('mart_seasons')
""",
    ),
    Edit(
        "dashboard/queries.py",
        '''
# ---- seasons -----------------------------------------------------------------------------------

SEASONS: Final = """
select month_of_year, n_ratings
from mart_seasons
order by month_of_year
"""
''',
    ),
    Edit(
        "dashboard/contents.py",
        """\
    "seasons": Page(
        "Seasons",
        "In which months do people rate?",
        {"Which month has most ratings?": Answer((queries.SEASONS,))},
    ),
""",
        after="""\
            "Do newcomers come back?": Answer((queries.USER_COHORTS,), ("last_rating_at",)),
        },
    ),
""",
    ),
    Edit(
        "dashboard/charts.py",
        '''

@_built
def seasons() -> Any:
    """Ratings by month of the year.

    Returns:
        A specification for columns month, n_ratings, in drawing order.
    """
    return (
        _chart()
        .mark_bar()
        .encode(
            y=_category("month"),
            x=alt.X("n_ratings:Q", title="Ratings", axis=alt.Axis(format=",d", tickCount=5)),
            tooltip=[alt.Tooltip("month:N", title="Month"), _count()],
        )
        .properties(height=alt.Step(22))
    )
''',
    ),
    Edit(
        "dashboard/findings.py",
        '''

def busiest_season(seasons: pd.DataFrame) -> str | None:
    """Names the month of the year with most ratings.

    Args:
        seasons: Columns month, n_ratings.

    Returns:
        One sentence; None with few ratings, or when the place is shared.
    """
    counts = seasons["n_ratings"]
    most = seasons[counts == counts.max()]
    if counts.sum() < ENOUGH or len(most) != 1:
        return None
    return f"Most ratings came in {most.iloc[0]['month']} ({number(counts.max())})."
''',
    ),
    Edit(
        "dashboard/app_pages/seasons.py",
        '''\
"""Seasons: in which months do people rate?"""

from __future__ import annotations

from calendar import month_name

import streamlit as st

from dashboard import charts, findings, layout, marts, queries
from dashboard.status import published_status


def months() -> None:
    """Ratings by month of the year."""
    rows = marts.rows(queries.SEASONS)
    if rows.empty:
        st.info("There are no ratings in this version.")
        return
    rows["month"] = [month_name[int(month)] for month in rows["month_of_year"]]
    said = findings.busiest_season(rows)
    layout.say(said)
    layout.draw(
        rows[["month", "n_ratings"]],
        charts.seasons(),
        f"Ratings by month of the year. {said or ''}",
    )
    st.caption(layout.UTC_NOTE)


def page() -> None:
    """The page, from top to bottom."""
    status = published_status()
    layout.top("Seasons", status)
    with layout.section("Which month has most ratings?"):
        months()
    layout.footer(status)


page()
''',
    ),
    Edit(
        "tests/dashboard/test_seasons.py",
        '''\
"""Seasons: what the page says of rows that are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.support import marts_fixture


def test_the_month_with_most_ratings_is_named(
    open_page: Callable[..., AppTest], tmp_path: Path
) -> None:
    rows = "delete from mart_seasons; insert into mart_seasons values (3, 900), (12, 1100);"
    marts_fixture.write_marts(tmp_path, change=rows)
    app = open_page(tmp_path, "seasons")
    assert "Most ratings came in December (1,100)." in [text.value for text in app.text]
    assert len(app.get("vega_lite_chart")) == 1
''',
    ),
)

DATASET = (
    Edit(
        "ingestion/datasets.py",
        """\
        Dataset("watched", "watched", (_USER, _MOVIE, _TIMESTAMP)),
""",
        after="""\
        Dataset("tags", "tags", (_USER, _MOVIE, Column("tag", "tag", "text"), _TIMESTAMP)),
""",
    ),
    Edit(
        "macros/current_rows.sql",
        """\
        'watched': {
            'columns': ['user_id', 'movie_id', epoch_to_timestamp('timestamp') ~ ' as watched_at'],
            'key': ['user_id', 'movie_id'],
            'wins_by': ['watched_at', '_file_id'],
        },
""",
        after="""\
            'wins_by': ['tagged_at', '_file_id'],
        },
""",
    ),
    Edit(
        "models/src/_sources.yml",
        """\
      - name: watched
        description: One row per row of a watched file.
        columns:
          - name: user_id
            description: Who watched.
          - name: movie_id
            description: The film.
          - name: timestamp
            description: When, in seconds since 1970 (UTC).
          - name: _file_id
            description: File version of the row.
""",
        after="""\
            description: The tag as written.
          - name: timestamp
            description: When, in seconds since 1970 (UTC).
          - name: _file_id
            description: File version of the row.
""",
    ),
    Edit(
        "models/src/src_watched.sql",
        """\
with current_watched as (
    {{ latest_rows('watched') }}
)

select
    user_id,
    movie_id,
    watched_at,
    _file_id
from current_watched
""",
    ),
    Edit(
        "models/src/_src.yml",
        """, watched""",
        after="""values: [movies, ratings, tags, links, genome_scores, genome_tags""",
    ),
    Edit(
        "models/src/_src.yml",
        """
  - name: src_watched
    description: One row per user and film that they watched.
    data_tests:
      - valid_columns:
          name: valid_columns_of_src_watched
          arguments:
            not_null: [_file_id]
    columns:
      - name: user_id
        description: '{{ doc("user_id") }}'
      - name: movie_id
        description: '{{ doc("movie_id") }}'
      - name: watched_at
        description: When (UTC).
      - name: _file_id
        description: '{{ doc("file_id") }}'
""",
    ),
    Edit(
        "tests/support/contract.py",
        """\
    "watched": {"userId": int, "movieId": int, "timestamp": int},
""",
        after="""\
    "tags": {"userId": int, "movieId": int, "tag": str, "timestamp": int},
""",
    ),
    Edit(
        "tests/raw/test_load.py",
        """\
        "watched": "user_id bigint, movie_id bigint, timestamp bigint, _file_id bigint",
""",
        after="""\
        "genome_tags": "tag_id bigint, tag varchar, _file_id bigint",
""",
    ),
)

SETTING = (
    Edit(
        "ingestion/settings.py",
        """\
    keep_weeks: int = Field(4, ge=1, description="Weeks for which nothing is removed.")
""",
        after="""\
    keep_days: int = Field(
        30, ge=0, description="Days for which vacuum keeps rows that were superseded."
    )
""",
    ),
)

AUDIT = (
    Edit(
        "tests/data/assert_somebody_rated_thrice.sql",
        """\
-- A returned row means that nobody gave three ratings.
select count(*) as n_users
from (
    select user_id
    from {{ ref('fct_ratings') }}
    group by user_id
    having count(*) >= 3
) as busy_user
having count(*) = 0
""",
    ),
    Edit(
        "tests/data/_data_tests.yml",
        """\
  - name: assert_somebody_rated_thrice
    description: At least one user gave three ratings.
""",
    ),
)
