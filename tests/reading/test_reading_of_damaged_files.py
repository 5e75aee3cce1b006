"""Whatever is done to a file: each record is loaded exactly, or rejected, or the file refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.reading import inspection as staging
from tests.support.one_file import read_as_a_load_does
from tests.support.samples import samples
from tests.support.slow_reader import header_of, read_slowly

FILES = {
    "ratings": "userId,movieId,rating,timestamp\n1,2,3.5,964982703\n1,3,4.0,964982704\n"
    "22,3,0.5,1537799250\n610,170875,3.0,1493846415\n7,1,5.0,828124615\n",
    "movies": 'movieId,title,genres\n1,Toy Story,Adventure|Children\n2,"Matrix, The",Action\n'
    '3,"""Great"" Cats",(no genres listed)\n4,Nausicaä (風の谷),Animation\n5,"two\nlines",Drama\n',
    "tags": "userId,movieId,tag,timestamp\n1,2,funny,1445714994\n1,2,NULL,1445714996\n"
    '3,4,"a, b",1445714992\n3,5,007,1139045764\n',
    "links": "movieId,imdbId,tmdbId\n1,0114709,862\n2,0113497,\n3,,15602\n4,0114885,31357\n",
}
FRAGMENTS = (
    '"', '""', ",", ",,", "\n", "\r", "\r\n", "\n\n", "\0", " ", "\t", "-", "+", ".", "e5", "_",
    "0x1", "NULL", "é", "\ufeff", "9" * 20, "0", "2.5", "2,5", "=1+1", ' "', '" ', "\\", "'", "#",
)  # fmt: skip
BYTES = st.sampled_from([fragment.encode() for fragment in FRAGMENTS] + [b"\xe9", b"\xff\xfe"])
SPOT = st.integers(0, 10_000)
DAMAGE = st.one_of(
    st.tuples(st.just("insert"), SPOT, BYTES),
    st.tuples(st.just("replace"), SPOT, BYTES),
    st.tuples(st.just("cut"), SPOT, st.integers(1, 40)),
    st.tuples(st.just("field"), SPOT, BYTES),
    st.tuples(st.sampled_from(["end", "repeat line", "move line"]), SPOT, st.none()),
)


def place(content: bytes, spot: int) -> int:
    """Mostly beside a separator, a quote or a line end: that is where readers differ."""
    beside = [
        at + after for at, byte in enumerate(content) if byte in b',\t"\r\n' for after in (0, 1)
    ]
    return beside[spot % len(beside)] if beside and spot % 5 else spot % (len(content) + 1)


def damaged(content: bytes, how: str, spot: int, what: object) -> bytes:
    at = place(content, spot)
    lines = content.splitlines(keepends=True)
    line = spot % max(len(lines), 1)
    match how, what:
        case "insert", bytes(new):
            return content[:at] + new + content[at:]
        case "replace", bytes(new):
            return content[:at] + new + content[at + len(new) :]
        case "cut", int(length):
            return content[:at] + content[at + length :]
        case "end", _:
            return content[:at]
        case "field", bytes(new):
            separator = b"\t" if b"\t" in content.partition(b"\n")[0] else b","
            fields = content.split(separator)
            fields[spot % len(fields)] = new
            return separator.join(fields)
        case "repeat line", _ if lines:
            return b"".join([*lines[:line], lines[line], *lines[line:]])
        case "move line", _ if lines:
            return b"".join([*lines[:line], *lines[line + 1 :], lines[line]])
    return content


Damage = list[tuple[str, int, object]]


def check(folder: Path, dataset: str, format_: str, line_end: str, damage: Damage) -> None:
    separator = {"csv": ",", "tsv": "\t"}[format_]
    whole = FILES[dataset].replace(",", separator)
    content = whole.replace("\n", line_end).encode()
    for how, spot, what in damage:
        content = damaged(content, how, spot, what)
    read = read_as_a_load_does(folder, f"{dataset}.{format_}", content)
    assert read.outcome.status in ("loaded", "refused")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        assert read.outcome.status == "refused"
        return
    if "\0" in text or not text:
        assert read.outcome.status == "refused"
        return
    header = [name.strip().lower() for name in header_of(text).split(separator)]
    if header != whole.partition("\n")[0].lower().split(separator):
        return  # Headers have tests of their own.
    assert read.outcome.status == "loaded", read.outcome.reason
    expected = read_slowly(text, dataset, separator)
    assert sorted(read.rows, key=repr) == sorted(expected.rows, key=repr)
    assert read.lines == expected.rejected_lines


def many(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        given_files = given(
            dataset=st.sampled_from(sorted(FILES)),
            format_=st.sampled_from(["csv", "tsv"]),
            line_end=st.sampled_from(["\n", "\r\n", "\r"]),
            # Pieces of a few lines, so that anything may stand where one ends.
            piece_bytes=st.sampled_from([staging.PIECE_BYTES, 1, 30, 70]),
            damage=st.lists(DAMAGE, min_size=1, max_size=3),
        )
        run = settings(
            max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck)
        )
        return run(given_files(test))

    return decorate


def check_in_pieces(
    tmp_path_factory: pytest.TempPathFactory, piece_bytes: int, **file: Any
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "PIECE_BYTES", piece_bytes)
        check(tmp_path_factory.mktemp("damaged"), **file)


@pytest.mark.slow
@many(300)
def test_damaged_files(tmp_path_factory: pytest.TempPathFactory, **file: Any) -> None:
    check_in_pieces(tmp_path_factory, **file)


@pytest.mark.xdist_group("damaged-files")
@pytest.mark.slow
@many(samples(1_000, nightly=3_000))
def test_many_damaged_files(tmp_path_factory: pytest.TempPathFactory, **file: Any) -> None:
    check_in_pieces(tmp_path_factory, **file)
