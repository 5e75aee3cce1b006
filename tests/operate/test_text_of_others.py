r"""Untrusted names, cells and reasons are stored verbatim, and never run as SQL.

On both engines: in DuckDB only a quote ends a literal, in Snowflake a backslash escapes as well,
also in the stand-in.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlglot import tokenize
from sqlglot.tokens import TokenType

from ingestion import load
from ingestion.engine import engine_of
from ingestion.home import make_home
from ingestion.literals import snowflake_literal
from ingestion.raw import refusals
from ingestion.settings import Settings
from tests.support.landing_zone import RATINGS

FORGED = r"\'), (1, 'forged"
HOSTILE = (
    *("\\", "\\'", "'", "''", "\\\\'", "both ' and \"", "ends in \\", "$$", "$$'$$", "a\nb\r\nc"),
    *("\0", "a\0'b", "\\\0", "\\0", "\\n", "?", "%s", ":1", "{x}", "$x", "&x", "--", "/*", "é😀"),
    *(FORGED, "\u2019", ""),
)
texts = st.lists(st.text() | st.text("\\'\"$\0\n ab"), min_size=1, max_size=15)


@pytest.fixture(params=["dev", pytest.param("prod", marks=pytest.mark.slow)])
def own(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """A home with an empty warehouse, once on each engine."""
    if request.param == "prod":
        for name, value in request.getfixturevalue("snowflake").items():
            monkeypatch.setenv(name, value)
    made = Settings(
        home=tmp_path / "home",
        source=str(tmp_path / "zone"),
        target=request.param,
        reject_rows=10,
        reject_share=1.0,
        _env_file=None,
    )
    make_home(made.home)
    return made


@given(written=texts)
@example(written=list(HOSTILE))
@examples(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_is_stored_as_it_is(own: Settings, written: list[str]) -> None:
    target = engine_of(own).warehouse()
    target.replace_table("raw", "texts", "n bigint, it varchar", list(enumerate(written)))
    assert target.fetch("select it from raw.texts order by n") == [(text,) for text in written]
    wanted = ", ".join(map(target.literal, written))
    assert target.fetch(f"select count(*) from raw.texts where it not in ({wanted})") == [(0,)]


@given(text=st.text().filter(lambda text: "\0" not in text))
@example(text="\\'")
def test_snowflake_reads_one_literal(text: str) -> None:
    (token,) = tokenize(snowflake_literal(text), read="snowflake")
    assert (token.token_type, token.text) == (TokenType.STRING, text)


def test_files_whose_names_and_cells_look_like_sql(own: Settings) -> None:
    """Loaded, rejected and refused: each is stored verbatim, and found again by the next load."""
    names = [f"{text}.csv" for text in (*HOSTILE[:6], "ends in \\", "$$", "a\nb", FORGED)]
    hostile = 'quote \' and ""both"" \\'
    zone = Path(own.source or "")
    for kind in ("good", "refused"):
        (zone / "ratings" / kind).mkdir(parents=True)
        for number, name in enumerate(names):
            good = RATINGS + f'{number},9,"{hostile}",1\n'
            bad = f'userId,"{hostile}{name}",timestamp\n1,2,3\n'.replace("\n.csv", " .csv")
            (zone / "ratings" / kind / name).write_text(good if kind == "good" else bad)
    report = load(settings=own)
    target = engine_of(own).warehouse()
    paths = {kind: {f"ratings/{kind}/{name}" for name in names} for kind in ("good", "refused")}
    loaded = target.fetch("select path, rows_loaded, rows_rejected from raw._files")
    assert sorted(loaded) == sorted((path, 3, 1) for path in paths["good"])
    assert target.fetch("select count(*) from raw.ratings") == [(3 * len(names),)]
    reasons = {file.path: file.reason for file in report.of_status("refused")}
    assert reasons.keys() == paths["refused"]
    assert {refusal.path: refusal.reason for refusal in refusals.recall(target)} == reasons
    assert all("both" in reason for reason in reasons.values())
    again = load(settings=own)
    assert again.changed is False
    assert {file.path for file in again.of_status("unchanged")} == paths["good"]
