"""Files that something is wrong with, what must become of each, and what becomes of it.

Every case is one file (or thing) in a folder of its own. All cases of the same settings lie in one
landing zone beside six good files and are loaded at once, so that each also shows that it takes no
other file with it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import os
import random
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import zstandard

from ingestion import LoadReport, load
from ingestion.datasets import DATASETS
from ingestion.settings import Settings
from tests.support.landing_zone import SIX, rows_in_files, write_six
from tests.support.slow_reader import lines_of

Row = tuple[Any, ...]
# The line, the column (None: the whole record) and a part of the reason.
Rejected = tuple[int, str | None, str]


@dataclass(frozen=True)
class Case:
    """One file and what must become of it; a case that names nothing must load without rows.

    Attributes:
        name: What is wrong.
        path: Its path in its own folder.
        content: Its bytes, or what makes it.
        rows: The rows that must be in RAW, in the order of its columns.
        rejected: The records that must be in `raw._rejected_rows`.
        refused: What the reason must say if the file must be refused as a whole.
        ignored: Whether it must be listed as ignored.
        warned: What the report must say beside.
        new: RAW columns that it must add.
        modified: Its modification time, in seconds since the epoch.
        settings: Settings other than the defaults.
        family: What kind of damage it is.
    """

    name: str
    path: str
    content: bytes | Callable[[Path], object]
    rows: tuple[Row, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    refused: tuple[str, ...] = ()
    ignored: bool = False
    warned: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    modified: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    family: str = ""

    @property
    def expected(self) -> str:
        """What must become of it, in words."""
        if self.ignored:
            return "ignored, by name"
        if self.refused:
            return f"refused: {' … '.join(self.refused)}"
        rejects = [f"line {line}: {column or 'row'}" for line, column, _ in self.rejected]
        rejected = f", {len(rejects)} rejected ({', '.join(rejects[:3])})" if rejects else ""
        return f"{len(self.rows):,} loaded{rejected}"


RATINGS = "userId,movieId,rating,timestamp"
MOVIES = "movieId,title,genres"
TAGS = "userId,movieId,tag,timestamp"
LINKS = "movieId,imdbId,tmdbId"
SCORES = "movieId,tagId,relevance"
MAX = 2**63 - 1
FIRST_SECOND, LAST_SECOND = 788_918_400, 4_133_980_799  # 1995-01-01 to 2100-12-31
BOM = "\ufeff"
LINE = "x\n"

# A good row before and one after what is looked at: neither may be touched by it.
BEFORE = {
    "ratings": ("1,2,3.5,964982703", (1, 2, 3.5, 964982703)),
    "movies": ("7,before,x", (7, "before", "x")),
    "tags": ("1,2,before,964982704", (1, 2, "before", 964982704)),
    "links": ("1,0114709,862", (1, "0114709", 862)),
    "genome-scores": ("1,2,0.025", (1, 2, 0.025)),
}
AFTER = {
    "ratings": ("5,6,0.5,828124615", (5, 6, 0.5, 828124615)),
    "movies": ('8,"after, that",y', (8, "after, that", "y")),
    "tags": ('5,6,"after, that",964982708', (5, 6, "after, that", 964982708)),
    "links": ("2,0113497,", (2, "0113497", None)),
    "genome-scores": ("1,3,1", (1, 3, 1.0)),
}
HEADERS = {
    "ratings": RATINGS,
    "movies": MOVIES,
    "tags": TAGS,
    "links": LINKS,
    "genome-scores": SCORES,
}
TWO = {name: (BEFORE[name][1], AFTER[name][1]) for name in HEADERS}
GOOD = f"{RATINGS}\n{BEFORE['ratings'][0]}\n{AFTER['ratings'][0]}\n"


def file(name: str, text: str, rows: Iterable[Row] = TWO["ratings"], **more: Any) -> Case:
    """A ratings file that is to be loaded, unless something else is said."""
    path = more.pop("path", "ratings.csv")
    content = text.encode() if isinstance(text, str) else text
    return Case(name, path, content, tuple(rows), **more)


def refused(
    name: str, content: str | bytes | Callable[[Path], object], *words: str, **more: Any
) -> Case:
    path = more.pop("path", "ratings.csv")
    return Case(
        name, path, content.encode() if isinstance(content, str) else content, refused=words, **more
    )


def _around(dataset: str, record: str) -> str:
    return "\n".join([HEADERS[dataset], BEFORE[dataset][0], record, AFTER[dataset][0]]) + "\n"


def good(record: str, *row: Any, dataset: str = "ratings", name: str = "", **more: Any) -> Case:
    """One record that is to be loaded, between two others."""
    rows = (BEFORE[dataset][1], row, AFTER[dataset][1])
    name = name or f"`{record}`"
    return Case(name, f"{dataset}.csv", _around(dataset, record).encode(), rows, **more)


def bad(
    record: str,
    column: str | None,
    reason: str,
    dataset: str = "ratings",
    name: str = "",
    **more: Any,
) -> Case:
    """One record that is to be rejected, between two others."""
    name = name or f"`{record}`"
    content = _around(dataset, record).encode()
    rejected = ((3, column, reason),)
    return Case(name, f"{dataset}.csv", content, TWO[dataset], rejected, **more)


def zipped(members: Mapping[str, bytes | str]) -> bytes:
    """A zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    """One Zstandard frame with a checksum."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(content)


def encrypted(archive: bytes) -> bytes:
    """Marks the member of a zip as encrypted."""
    changed = bytearray(archive)
    changed[6] |= 1
    changed[changed.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": zstd,
    "zip": lambda content: zipped({"anything.csv": content}),
}
_random = random.Random(1)
MANY_ROWS = tuple(
    (n, _random.randrange(10**6), n % 10 / 2 + 0.5, _random.randrange(8 * 10**8, 10**9))
    for n in range(3000)
)
MANY = (RATINGS + "\n" + "".join(f"{u},{m},{r},{t}\n" for u, m, r, t in MANY_ROWS)).encode()
HALF = MANY.index(b"\n", len(MANY) // 2) - 3


def _second_mark_damaged(pack: Callable[[bytes], bytes]) -> bytes:
    first, second = pack(MANY[:HALF]), bytearray(pack(MANY[HALF:]))
    second[0] ^= 0xFF
    return first + bytes(second)


def _bomb(pack: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(
        pack(RATINGS.encode() + b"\n") + pack(b"1,2,3.5,964982704\n" * 700_000) * 10
    )


def _named_archives() -> list[Case]:
    cases = []
    for suffix, pack in PACK.items():
        path = f"ratings.csv.{suffix}"
        whole = pack(MANY)
        cases += [
            Case(f"whole {suffix}", path, whole, MANY_ROWS),
            refused(
                f"{suffix} cut in the middle", whole[: len(whole) // 2], "not a complete", path=path
            ),
            refused(f"{suffix} without its last byte", whole[:-1], "not a complete", path=path),
            refused(
                f"text named .{suffix}", MANY, "its name is that of a", "begins with", path=path
            ),
            refused(f"{suffix} of nothing", pack(b""), "is empty", path=path),
            refused(f"zero bytes named .{suffix}", b"", "is empty (zero bytes)", path=path),
            refused(f"{suffix} named .csv", whole, "archive", "ends in ." + suffix),
        ]
        if suffix != "zip":
            cases += [
                Case(
                    f"{suffix} of two streams",
                    path,
                    pack(MANY[:HALF]) + pack(MANY[HALF:]),
                    MANY_ROWS,
                ),
                refused(
                    f"{suffix} with rubbish after it",
                    whole + b"rubbish",
                    "not a complete",
                    path=path,
                ),
                refused(
                    f"{suffix} of two streams, the second damaged",
                    _second_mark_damaged(pack),
                    "not a complete",
                    path=path,
                ),
                refused(f"{suffix} bomb", _bomb(pack), "more than 100 times its size", path=path),
            ]
    return cases


def _with_a_line_of(size: int) -> Callable[[Path], object]:
    return lambda path: path.write_text(f"{TAGS}\n1,2,{'y' * size},964982704\n1,2,b,964982704\n")


FAMILIES: dict[str, list[Case]] = {
    "Line ends and blank lines": [
        file("BOM", BOM + GOOD),
        file("CRLF", GOOD.replace("\n", "\r\n")),
        file("lone CR", GOOD.replace("\n", "\r")),
        file("CR CR LF", GOOD.replace("\n", "\r\r\n")),
        file("each line with another end", GOOD.replace("\n", "\r", 1).replace("\n", "\r\n", 1)),
        file("no final newline", GOOD.rstrip("\n")),
        file("BOM, CRLF and no final newline", (BOM + GOOD).replace("\n", "\r\n").rstrip()),
        file("blank lines at the start", "\n\r\n\n" + GOOD),
        file("a BOM, then blank lines", BOM + "\n\n" + GOOD),
        file("blank lines in the middle and at the end", GOOD.replace("\n", "\n\n") + "\r\n\n"),
        file("blank lines in CRLF", GOOD.replace("\n", "\r\n\r\n")),
        bad("   ", None, "1 field; expected 4", name="a line of spaces"),
        bad("\t", None, "1 field; expected 4", name="a line with a tab"),
        bad(BOM + "1,2,3.5,964982704", "user_id", "not a whole number", name="BOM in the middle"),
        bad(
            RATINGS, "user_id", "'userId' is not a whole number", name="header again in the middle"
        ),
        file("header only", RATINGS + "\n", ()),
        file("header without newline", RATINGS, ()),
        file("header only, lone CR", RATINGS + "\r", ()),
        refused("zero bytes", "", "is empty (zero bytes)"),
        refused("only a BOM", BOM, "first line is blank"),
        refused("only blank lines", "\n\r\n\n", "first line is blank"),
        refused("only spaces", "   \n", "first line is blank"),
        bad("1,2,3.", None, "3 fields; expected 4", name="cut, more after it"),
        file(
            "last row cut in the middle",
            GOOD + "9,9,4.",
            rejected=((4, None, "3 fields; expected 4"),),
        ),
        file(
            "last row cut in its last number",
            GOOD + "326,8958,4.5,1332786",
            rejected=((4, "timestamp", "1332786 is not between"),),
        ),
        file(
            "last row cut before the last digit",
            GOOD + "326,8958,4.5,133278612",
            rejected=((4, "timestamp", "133278612 is not between"),),
        ),
        file(
            "exact duplicates",
            GOOD + "5,6,0.5,828124615\n" * 2,
            (*TWO["ratings"], *[AFTER["ratings"][1]] * 2),
        ),
    ],
    "Quotes": [
        good('1,"Matrix, The (1999)",Action', 1, "Matrix, The (1999)", "Action", dataset="movies"),
        good('1,"""Great"" Cats",Drama', 1, '"Great" Cats', "Drama", dataset="movies"),
        good('1,"""",Drama', 1, '"', "Drama", dataset="movies", name="a title that is one quote"),
        good(
            '1,"two\nlines",Drama', 1, "two\nlines", "Drama", dataset="movies", name="LF in quotes"
        ),
        good(
            '1,"two\r\nlines",Drama',
            1,
            "two\r\nlines",
            "Drama",
            dataset="movies",
            name="CRLF in quotes",
        ),
        good(
            '1,"two\rlines",Drama', 1, "two\rlines", "Drama", dataset="movies", name="CR in quotes"
        ),
        good('1,"\n\n",Drama', 1, "\n\n", "Drama", dataset="movies", name="blank lines in quotes"),
        good(
            f'1,"{LINE * 900}",y',
            1,
            "x\n" * 900,
            "y",
            dataset="movies",
            name="a field of 900 lines",
        ),
        Case(
            "quotes lost in two rows, a good one between",
            "movies.csv",
            f'{MOVIES}\n{BEFORE["movies"][0]}\n1,"a,x\n2,c,d\n3,b",x\n{AFTER["movies"][0]}\n'.encode(),
            (*TWO["movies"], (2, "c", "d")),
            ((3, None, "misplaced"), (5, None, "misplaced")),
        ),
        good('1,5" or 6" discs,Drama', 1, '5" or 6" discs', "Drama", dataset="movies"),
        good('"1","2","3.5","964982704"', 1, 2, 3.5, 964982704),
        good('"1",2,"3.5",964982704', 1, 2, 3.5, 964982704),
        good('1,no genres,""', 1, "no genres", None, dataset="movies"),
        good("1,it's 'so',x", 1, "it's 'so'", "x", dataset="movies"),
        good("1,a\\,\\N", 1, "a\\", "\\N", dataset="movies", name="backslashes"),
        bad('1,"Matrix, The,Action', None, "unbalanced", "movies", "unbalanced quote, middle row"),
        bad('1,5" disc,Action', None, "unbalanced", "movies", "one quote in a field"),
        bad('1,"a" "b",Action', None, "misplaced quote", "movies"),
        bad('1, "a, b",Action', None, "4 fields; expected 3", "movies"),
        bad('1,"a"b,Action', None, "misplaced quote", "movies"),
        bad('1,2,"3".5,964982704', None, "misplaced quote"),
        bad('1,2,3.5,"4', None, "unbalanced"),
        bad('"', None, "unbalanced", name="a line of one quote"),
        bad('"""', None, "unbalanced", name="a line of three quotes"),
        bad("1,'Matrix, The',Action", None, "4 fields; expected 3", "movies", "single quotes"),
        bad('1,"a\\", b",x', None, "misplaced quote", "movies", "a quote behind a backslash"),
        Case(
            "unbalanced quote, first row",
            "movies.csv",
            f'{MOVIES}\n1,"lost,x\n{BEFORE["movies"][0]}\n{AFTER["movies"][0]}\n'.encode(),
            TWO["movies"],
            ((2, None, "unbalanced"),),
        ),
        Case(
            "unbalanced quote, last row",
            "movies.csv",
            f'{MOVIES}\n{BEFORE["movies"][0]}\n{AFTER["movies"][0]}\n1,"lost,x'.encode(),
            TWO["movies"],
            ((4, None, "unbalanced"),),
        ),
        Case(
            "unbalanced quote, 3,000 good rows after it",
            "ratings.csv",
            MANY.replace(b"\n", b'\n1,"2,3.5,964982704\n', 1),
            MANY_ROWS,
            ((2, None, "unbalanced"),),
        ),
        Case(
            "unbalanced quotes in three rows",
            "movies.csv",
            (
                f'{MOVIES}\n1,"a,x\n{BEFORE["movies"][0]}\n2,b",x\n{AFTER["movies"][0]}\n3,"c,x\n'
            ).encode(),
            TWO["movies"],
            ((2, None, "misplaced"), (4, None, "misplaced"), (6, None, "unbalanced")),
        ),
    ],
    "Fields": [
        bad("1,2,3.5", None, "3 fields; expected 4"),
        bad("1,2,3.5,964982704,5", None, "5 fields; expected 4"),
        bad("1,2,3.5,964982704,", None, "5 fields; expected 4"),
        bad("1,2,3.5,964982704,,", None, "6 fields; expected 4"),
        bad(",,,", "user_id", "a value is required"),
        bad("1;2;3.5;4", None, "1 field; expected 4"),
        bad("1\t2\t3.5\t4", None, "1 field; expected 4", name="tabs in one row"),
        bad("# a comment", None, "1 field; expected 4"),
        bad("-- 4 rows --", None, "1 field; expected 4", name="a line of a report"),
        bad("1,,3.5,964982704", "movie_id", "a value is required"),
        bad("1,  ,3.5,964982704", "movie_id", "a value is required"),
        bad('1,"",3.5,964982704', "movie_id", "a value is required"),
        bad("1,2,,964982704", "rating", "a value is required"),
        bad("1,2,3.5,", "timestamp", "a value is required"),
        bad("1,,Drama", "title", "a value is required", "movies"),
        bad("1,Matrix, The (1999),Action", None, "4 fields; expected 3", "movies"),
        good("3,,15602", 3, None, 15602, dataset="links"),
        good("3,,", 3, None, None, dataset="links"),
        good("3,0000001,   ", 3, "0000001", None, dataset="links"),
    ],
    "Numbers": [
        good(
            " 1 ,2 , 3.5,\t964982704 ", 1, 2, 3.5, 964982704, name="spaces and a tab round numbers"
        ),
        good(
            "\u00a01,2,3.5\u2003,964982704",
            1,
            2,
            3.5,
            964982704,
            name="no-break and em spaces round numbers",
        ),
        good("0001,2,3.50,00964982704", 1, 2, 3.5, 964982704),
        good("+1,2,+3.5,964982704", 1, 2, 3.5, 964982704),
        good("9.0,2.,3.5,964982704.00", 9, 2, 3.5, 964982704),
        good("-0,2,3.5,964982704", 0, 2, 3.5, 964982704),
        good("1,2,.5,964982704", 1, 2, 0.5, 964982704),
        good("1,2,5,964982704", 1, 2, 5.0, 964982704),
        good("1,2,35e-1,964982704", 1, 2, 3.5, 964982704),
        good("1,2,0.35E+1,964982704", 1, 2, 3.5, 964982704),
        good(f"0,{MAX},5.0,{LAST_SECOND}", 0, MAX, 5.0, LAST_SECOND, name="the largest of all"),
        good(f"0,0,0.5,{FIRST_SECOND}", 0, 0, 0.5, FIRST_SECOND, name="the smallest of all"),
        good("1,2,1e-3", 1, 2, 0.001, dataset="genome-scores"),
        good("1,2,0.30000000000000004", 1, 2, 0.30000000000000004, dataset="genome-scores"),
        bad("9.5,2,3.5,964982704", "user_id", "'9.5' is not a whole number"),
        bad("1e3,2,3.5,964982704", "user_id", "'1e3' is not a whole number"),
        bad("0x10,2,3.5,964982704", "user_id", "'0x10' is not a whole number"),
        bad("0b1,2,3.5,964982704", "user_id", "'0b1' is not a whole number"),
        bad("1_000,2,3.5,964982704", "user_id", "'1_000' is not a whole number"),
        bad("1 000,2,3.5,964982704", "user_id", "'1 000' is not a whole number"),
        bad("1'000,2,3.5,964982704", "user_id", "is not a whole number"),
        bad('"1,000",2,3.5,964982704', "user_id", "'1,000' is not a whole number"),
        bad("1,2,3.5,1,000", None, "5 fields; expected 4"),
        bad("--1,2,3.5,964982704", "user_id", "'--1' is not a whole number"),
        bad("- 1,2,3.5,964982704", "user_id", "'- 1' is not a whole number"),
        bad(
            "\u0661,2,3.5,964982704",
            "user_id",
            "is not a whole number",
            name="an Arabic-Indic digit",
        ),
        bad(
            "\uff11,2,3.5,964982704", "user_id", "is not a whole number", name="a full-width digit"
        ),
        bad(
            "\u00b2,2,3.5,964982704", "user_id", "is not a whole number", name="a superscript digit"
        ),
        bad(
            "1\u200b,2,3.5,964982704", "user_id", "is not a whole number", name="a zero-width space"
        ),
        bad(
            "\u22121,2,3.5,964982704",
            "user_id",
            "is not a whole number",
            name="a minus sign of print",
        ),
        bad("true,2,3.5,964982704", "user_id", "'true' is not a whole number"),
        bad("NULL,2,3.5,964982704", "user_id", "'NULL' is not a whole number"),
        bad("-1,2,3.5,964982704", "user_id", f"-1 is not between 0 and {MAX}"),
        bad(f"1,{MAX + 1},3.5,964982704", "movie_id", "is beyond 64 bits", name="2^63 as an id"),
        bad(
            f"1,-{MAX + 2},3.5,964982704",
            "movie_id",
            "is beyond 64 bits",
            name="-2^63 - 1 as an id",
        ),
        bad(
            f"1,{'9' * 60},3.5,964982704",
            "movie_id",
            "is beyond 64 bits",
            name="an id of 60 digits",
        ),
        bad(
            f"1,{'9' * 9000},3.5,964982704",
            "movie_id",
            "is beyond 64 bits",
            name="an id of 9,000 digits",
        ),
        bad("1,2,good,964982704", "rating", "'good' is not a number"),
        bad("1,2,3.5 stars,964982704", "rating", "'3.5 stars' is not a number"),
        bad("1,2,nan,964982704", "rating", "'nan' is not a number"),
        bad("1,2,inf,964982704", "rating", "'inf' is not a number"),
        bad("1,2,-Infinity,964982704", "rating", "'-Infinity' is not a number"),
        bad("1,2,1e400,964982704", "rating", "'1e400' is beyond 64 bits"),
        bad(
            '1,2,"3,5",964982704', "rating", "'3,5' is not a number", name="decimal comma in quotes"
        ),
        bad("1,2,3,5,964982704", None, "5 fields; expected 4", name="decimal comma"),
        bad("1,2,3.5.1,964982704", "rating", "'3.5.1' is not a number"),
        bad("1,2,50%,964982704", "rating", "'50%' is not a number"),
        bad("1,2,3_5,964982704", "rating", "'3_5' is not a number"),
        bad("1,2,.,964982704", "rating", "'.' is not a number"),
        bad("1,2,1/2,964982704", "rating", "'1/2' is not a number"),
        bad("1,2,3.5,964982703.5", "timestamp", "is not a whole number"),
        bad("1,2,3.5,1e9", "timestamp", "'1e9' is not a whole number"),
        bad("1,2,3.5,2000-07-30 18:45:03", "timestamp", "is not a whole number"),
        bad("1,2,3.5,2000-07-30T18:45:03Z", "timestamp", "is not a whole number"),
        bad("3,0114709,x", "tmdb_id", "'x' is not a whole number", "links"),
    ],
    "Ranges": [
        bad("1,2,55.0,964982704", "rating", "55.0 is not between 0.5 and 5.0"),
        bad("1,2,0,964982704", "rating", "0.0 is not between 0.5 and 5.0"),
        bad("1,2,-1,964982704", "rating", "-1.0 is not between 0.5 and 5.0"),
        bad("1,2,-0,964982704", "rating", "is not between 0.5 and 5.0"),
        bad("1,2,3.7,964982704", "rating", "3.7 is not a multiple of 0.5"),
        bad("1,2,4.5000000001,964982704", "rating", "4.5000000001 is not a multiple of 0.5"),
        bad("1,2,3.5,-4", "timestamp", f"-4 is not between {FIRST_SECOND} and {LAST_SECOND}"),
        bad("1,2,3.5,0", "timestamp", "0 is not between", name="the year 1970"),
        bad(f"1,2,3.5,{FIRST_SECOND - 1}", "timestamp", "is not between", name="the year 1994"),
        bad(f"1,2,3.5,{LAST_SECOND + 1}", "timestamp", "is not between", name="the year 2101"),
        bad(
            "1,2,3.5,964982703000",
            "timestamp",
            "is not between",
            name="a timestamp in milliseconds",
        ),
        bad("1,2,1.5", "relevance", "1.5 is not between 0.0 and 1.0", "genome-scores"),
        bad("1,2,-0.1", "relevance", "-0.1 is not between", "genome-scores"),
    ],
    "Text of strangers": [
        good(f"1,{text},x", 1, text, "x", dataset="movies", name=name or f"`{text}`")
        for text, name in [
            ("NULL", ""),
            ("NA", ""),
            ("None", ""),
            ("nan", ""),
            ("null", ""),
            ("007", ""),
            ("1408", ""),
            ("-1", ""),
            ("true", ""),
            ("1e5", ""),
            ("2012-01-01", ""),
            ("=1+1", ""),
            ("+A1", ""),
            ("@SUM(B2)", ""),
            ("=cmd|'/C calc'!A0", ""),
            ("<b>x</b><script>alert(1)</script>", ""),
            ("'; drop table x; --", ""),
            ("{{ 7*7 }} ${x} %s", ""),
            ("../../etc/passwd", ""),
            ("#not a comment", ""),
            ("  spaces stay  ", ""),
            ("\u98a8\u306e\u8c37 \U0001f600", "Japanese and an emoji"),
            ("\u05e9\u05dc\u05d5\u05dd \u0639\u0627\u0644\u0645", "right-to-left text"),
            ("a\u202eb", "a right-to-left override"),
            ("e\u0301 \u00e9", "é composed and in two characters"),
            ("Z\u0351\u036b\u0343a\u0328", "many combining characters"),
            ("a\u200bb\u200dc\u00ad", "zero-width characters"),
            ("\u00a0", "only a no-break space"),
            ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "an emoji of several"),
            ("x\u2028y\x85z", "line separators that end no line"),
            ("x\x0by\x0cz", "VT and FF"),
            ("bell\x07 escape\x1b[31m", "control characters"),
            ("\ufffd", "the replacement character"),
            ("x\ufeffy", "a BOM in a field"),
            ("\U0010ffff\ufffe", "noncharacters"),
        ]
    ]
    + [
        good(f"1,2,{tag},964982704", 1, 2, tag, 964982704, dataset="tags", name=f"tag `{tag}`")
        for tag in ("NULL", "NA", "None", "nan", "007", "1408", "1.0", "\\N", "''")
    ]
    + [
        bad("1,2,,964982704", "tag", "a value is required", "tags", "an empty tag"),
        bad('1,2,"",964982704', "tag", "a value is required", "tags", "an empty tag in quotes"),
    ],
    "Headers": [
        file("in capitals", GOOD.replace(RATINGS, RATINGS.upper())),
        file(
            "spaces round the names", GOOD.replace(RATINGS, " userId , movieId,rating ,\ttimestamp")
        ),
        file("quoted names", GOOD.replace(RATINGS, '"userId","movieId","rating","timestamp"')),
        file(
            "columns in another order",
            "timestamp,rating,movieId,userId\n964982704,3.5,2,1\n",
            [(1, 2, 3.5, 964982704)],
        ),
        Case(
            "an optional column is missing",
            "links.csv",
            b"imdbId,movieId\n0114709,1\n",
            ((1, "0114709", None),),
            warned=("it has no column 'tmdbId': null",),
        ),
        Case(
            "an optional column is misspelt",
            "links.csv",
            b"movieId,imdbId,tmbdId\n1,0114709,862\n",
            ((1, "0114709", None, "862"),),
            new=("tmbd_id",),
            warned=("it has no column 'tmdbId' (the nearest is 'tmbdid'): null",),
        ),
        Case(
            "an optional column is wholly empty",
            "links.csv",
            b"movieId,imdbId,tmdbId\n1,,\n2,,\n",
            ((1, None, None), (2, None, None)),
        ),
        refused(
            "a required column is missing",
            "userId,movieId,rating\n1,2,3.5\n",
            "'timestamp' is missing",
            "expected: userId,movieId,rating,timestamp",
            "found: userId,movieId,rating",
        ),
        refused(
            "a required column is renamed",
            GOOD.replace("timestamp", "time_stamp"),
            "'timestamp' is missing (the nearest is 'time_stamp')",
        ),
        refused(
            "a required column is misspelt",
            GOOD.replace("userId", "usreId"),
            "'userId' is missing (the nearest is 'usreid')",
        ),
        refused(
            "RAW's names",
            GOOD.replace("userId,movieId", "user_id,movie_id"),
            "'userId' is missing (the nearest is 'user_id')",
        ),
        refused(
            "no header",
            GOOD.partition("\n")[2],
            "no header: the first line is data (1,2,3.5,964982703)",
        ),
        refused(
            "a column twice",
            GOOD.replace(RATINGS, "userId,movieId,rating,rating,timestamp"),
            "names a column twice: rating",
        ),
        refused(
            "a column twice, in another case",
            GOOD.replace(RATINGS, f"{RATINGS},USERID"),
            "names a column twice: userid",
        ),
        refused("semicolons", GOOD.replace(",", ";"), "separated by semicolons; expected commas"),
        refused("tabs", GOOD.replace(",", "\t"), "separated by tabs; expected commas"),
        refused("bars", GOOD.replace(",", "|"), "separated by bars; expected commas"),
        refused(
            "the old releases' `::`",
            GOOD.replace(",", "::"),
            "'userId' is missing",
            "found: userId::movieId",
        ),
        refused("a line `sep=,`", "sep=,\n" + GOOD, "'sep=,'", "expected a header"),
        refused(
            "a line `sep=;`", "sep=;\n" + GOOD.replace(",", ";"), "'sep=;'", "expected a header"
        ),
        refused(
            "a comment before it", "# ratings\n" + GOOD, "'userId' is missing", "found: # ratings"
        ),
        refused("a title before it", "MovieLens ratings,,,\n" + GOOD, "'userId' is missing"),
        refused(
            "an unbalanced quote",
            GOOD.replace("userId", '"userId'),
            "unbalanced or misplaced quote",
        ),
        refused(
            "of another dataset",
            f"{MOVIES}\n1,a,b\n",
            "'userId' is missing",
            "found: movieId,title,genres",
        ),
        refused("JSON", '{"userId": 1}\n', "'userId' is missing"),
        refused(
            "a web page",
            "<!DOCTYPE html>\n<html></html>\n",
            "'userId' is missing",
            "found: <!DOCTYPE html>",
        ),
        file(
            "a comma at its end",
            f"{RATINGS},\n1,2,3.5,964982704,\n",
            [(1, 2, 3.5, 964982704, None)],
            new=("column_5",),
        ),
        file(
            "a comma at its end only",
            GOOD.replace(RATINGS, RATINGS + ","),
            (),
            rejected=(),
            refused=("none of its rows can be loaded", "line 2: row: 4 fields; expected 5"),
        ),
        file(
            "two commas at its end",
            f"{RATINGS},,\n1,2,3.5,964982704,,\n",
            [(1, 2, 3.5, 964982704, None, None)],
            new=("column_5", "column_6"),
        ),
        refused(
            "100,000 columns",
            RATINGS + "".join(f",c{n}" for n in range(100_000)) + "\n",
            "100,000 columns",
            "at most 100 new ones",
        ),
        refused(
            "a name of 2 MB",
            RATINGS + "," + "x" * 2_000_000 + "\n",
            "first line is longer than 1 MB",
        ),
    ],
    "New columns": [
        file(
            "one, in the middle",
            "userId,device,movieId,rating,timestamp\n1,007,2,3.5,964982704\n1,,2,3.5,964982704\n",
            [(1, 2, 3.5, 964982704, "007"), (1, 2, 3.5, 964982704, None)],
            new=("device",),
        ),
        file(
            "whole numbers in this file",
            f"{RATINGS},score\n1,2,3.5,964982704,10\n",
            [(1, 2, 3.5, 964982704, "10")],
            new=("score",),
        ),
        file(
            "decimals in this one",
            f"{RATINGS},Score\n1,2,3.5,964982704,2.5\n",
            [(1, 2, 3.5, 964982704, "2.5")],
            new=("score",),
        ),
        file(
            "text in this one",
            f"{RATINGS},SCORE\n1,2,3.5,964982704,abc\n",
            [(1, 2, 3.5, 964982704, "abc")],
            new=("score",),
        ),
        file(
            "an SQL keyword",
            f"{RATINGS},select\n1,2,3.5,964982704,x\n",
            [(1, 2, 3.5, 964982704, "x")],
            new=("select",),
        ),
        file(
            "an SQL statement",
            f'{RATINGS},"x""; drop table raw.ratings; --"\n1,2,3.5,964982704,x\n',
            [(1, 2, 3.5, 964982704, "x")],
            new=("x_drop_table_raw_ratingsxxx",),
        ),
        file(
            "500 characters",
            f"{RATINGS},{'long' * 125}\n1,2,3.5,964982704,x\n",
            [(1, 2, 3.5, 964982704, "x")],
            new=("longlonglonglonglonglonglonglhwphlqlonglonglonglonglonglonglong",),
        ),
        file(
            "an emoji",
            f"{RATINGS},\U0001f600\n1,2,3.5,964982704,x\n",
            [(1, 2, 3.5, 964982704, "x")],
            new=("x",),
        ),
        refused(
            "dlt's own names", f"{RATINGS},_dlt_id\n1,2,3.5,964982704,x\n", "a name of dlt's own"
        ),
        refused(
            "the name of provenance",
            f"{RATINGS},_file_id\n1,2,3.5,964982704,9\n",
            "the same name in RAW, _file_id",
        ),
        refused(
            "the name of another in RAW",
            f"{RATINGS},user_id\n1,2,3.5,964982704,9\n",
            "the same name in RAW, user_id: 'userId' and 'user_id'",
        ),
        refused(
            "two with one name in RAW",
            f"{RATINGS},deviceType,device type\n",
            "the same name in RAW, device_type: 'deviceType' and 'device type'",
        ),
    ],
    "Encodings": [
        refused(
            "Latin-1",
            _around("movies", "1,Amélie,x").encode("latin-1"),
            "line 3: byte 0xe9",
            "looks like Latin-1",
            "MOVIELENS_ENCODING=cp1252",
            path="movies.csv",
        ),
        refused(
            "Windows-1252",
            _around("movies", "1,It’s,x").encode("cp1252"),
            "line 3: byte 0x92",
            "Windows-1252",
            path="movies.csv",
        ),
        refused(
            "UTF-16 with a BOM",
            GOOD.encode("utf-16"),
            "line 1: byte 0xff",
            "looks like UTF-16",
            "MOVIELENS_ENCODING=utf-16",
        ),
        refused(
            "UTF-16, big end first, with a BOM",
            (BOM + GOOD).encode("utf-16-be"),
            "byte 0xfe",
            "looks like UTF-16",
        ),
        refused(
            "UTF-16-LE without a BOM",
            GOOD.encode("utf-16-le"),
            "line 1: a NUL byte",
            "MOVIELENS_ENCODING=utf-16-le",
        ),
        refused(
            "UTF-16-BE without a BOM",
            GOOD.encode("utf-16-be"),
            "line 1: a NUL byte",
            "MOVIELENS_ENCODING=utf-16-be",
        ),
        refused(
            "UTF-32 with a BOM",
            GOOD.encode("utf-32"),
            "looks like UTF-32",
            "MOVIELENS_ENCODING=utf-32",
        ),
        refused(
            "UTF-32-LE without a BOM", GOOD.encode("utf-32-le"), "MOVIELENS_ENCODING=utf-32-le"
        ),
        refused(
            "UTF-32-BE without a BOM", GOOD.encode("utf-32-be"), "MOVIELENS_ENCODING=utf-32-be"
        ),
        refused(
            "Shift JIS",
            _around("movies", "1,風の谷のナウシカ,x").encode("shift_jis"),
            "is not UTF-8",
            "MOVIELENS_ENCODING",
            path="movies.csv",
        ),
        refused("EBCDIC", GOOD.encode("cp500"), "is not UTF-8"),
        refused(
            "a NUL in a field",
            GOOD.replace("3.5", "3\0.5"),
            "line 2: a NUL byte; the file is damaged",
        ),
        refused("a block of NULs at the end", GOOD + "\0" * 4096, "line 4: a NUL byte"),
        refused(
            "an overlong slash",
            GOOD.encode() + b"\xc0\xaf,1,1,1\n",
            "line 4: byte 0xc0",
            "overlong",
        ),
        refused(
            "half a surrogate pair",
            GOOD.encode() + b"\xed\xa0\x80,1,1,1\n",
            "line 4: byte 0xed",
            "half a pair",
        ),
        refused(
            "beyond Unicode",
            GOOD.encode() + b"\xf5\x80\x80\x80\n",
            "line 4: byte 0xf5 is not UTF-8",
        ),
        refused(
            "the last character cut",
            _around("movies", "1,x,y").encode() + "9,é".encode()[:-1],
            "the last character is cut",
            path="movies.csv",
        ),
        refused(
            "one byte flipped in UTF-8",
            _around("movies", "1,Amélie,Éric").encode().replace(b"\xc3\x89", b"\xc3\xff"),
            "other parts of it are UTF-8",
            path="movies.csv",
        ),
        refused(
            "UTF-8 and Latin-1 put together",
            _around("movies", "1,Amélie,x").encode() + b"9,\xe9t\xe9,x\n",
            "several encodings",
            path="movies.csv",
        ),
        refused(
            "a header in Latin-1",
            "userId,movieId,rating,timestamp,añadido\n".encode("latin-1"),
            "line 1: byte 0xf1 is not UTF-8",
        ),
        refused("random bytes", random.Random(2).randbytes(4000), "is not UTF-8"),
        refused("a Parquet file", b"PAR1\x15\x04\x15", "it is a Parquet file, not text"),
        refused("a PDF", b"%PDF-1.7\n", "it is a PDF, not text"),
    ],
    "Encodings, with MOVIELENS_ENCODING=cp1252": [
        replace(case, settings={"encoding": "cp1252"})
        for case in [
            Case(
                "Windows-1252",
                "movies.csv",
                "movieId,title,genres\n1,Amélie’s €,x\n".encode("cp1252"),
                ((1, "Amélie’s €", "x"),),
                warned=("read as cp1252 (MOVIELENS_ENCODING)", "byte 0xe9"),
            ),
            Case(
                "UTF-8 beside it",
                "movies.csv",
                "movieId,title,genres\n1,Amélie’s 風,x\n".encode(),
                ((1, "Amélie’s 風", "x"),),
            ),
            Case(
                "Windows-1252 in gzip, with CRLF",
                "tags.csv.gz",
                gzip.compress(f"{TAGS}\r\n1,2,é,964982704\r\n".encode("cp1252")),
                ((1, 2, "é", 964982704),),
                warned=("read as cp1252",),
            ),
            Case(
                "a row in it is bad",
                "tags.csv",
                f"{TAGS}\n1,2,é,964982704\n1,2,ü,x\n".encode("cp1252"),
                ((1, 2, "é", 964982704),),
                ((3, "timestamp", "'x' is not"),),
                warned=("read as cp1252",),
            ),
            refused(
                "not that either",
                b"movieId,title,genres\n1,\xe9\n2,\x81,x\n",
                "is not UTF-8",
                "Nor is it cp1252",
                path="movies.csv",
            ),
            refused(
                "a NUL in it",
                b"movieId,title,genres\n1,\xe9\0,x\n",
                "Nor is it cp1252",
                "NUL",
                path="movies.csv",
            ),
        ]
    ],
    "Encodings, with MOVIELENS_ENCODING=utf-16": [
        replace(case, settings={"encoding": "utf-16"})
        for case in [
            Case(
                "UTF-16 with a BOM",
                "movies.csv",
                "movieId,title,genres\r\n1,Amélie 風 \U0001f600,x\r\n".encode("utf-16"),
                ((1, "Amélie 風 \U0001f600", "x"),),
                warned=("read as utf-16",),
            ),
            Case(
                "big end first",
                "movies.csv",
                (BOM + "movieId,title,genres\n1,Amélie,x\n").encode("utf-16-be"),
                ((1, "Amélie", "x"),),
                warned=("read as utf-16",),
            ),
            file("UTF-8 beside it", GOOD),
            refused(
                "cut in the middle of a character",
                GOOD.encode("utf-16")[:-1],
                "Nor is it utf-16",
                "truncated",
            ),
            refused(
                "half a surrogate pair",
                GOOD.encode("utf-16") + b"\x00\xd8\x0a\x00",
                "Nor is it utf-16",
            ),
        ]
    ],
    "Ranges, with MOVIELENS_RANGE_CHECKS=warn": [
        replace(case, settings={"range_checks": "warn"})
        for case in [
            good(
                "1,2,55.0,964982704",
                1,
                2,
                55.0,
                964982704,
                warned=("1 row with rating out of range (55.0)",),
            ),
            good(
                "1,2,3.7,964982704",
                1,
                2,
                3.7,
                964982704,
                warned=("1 row with rating out of range (3.7)",),
            ),
            good(
                "1,2,-1,964982704",
                1,
                2,
                -1.0,
                964982704,
                warned=("1 row with rating out of range (-1.0)",),
            ),
            good(
                "-1,2,3.5,964982704",
                -1,
                2,
                3.5,
                964982704,
                warned=("1 row with user_id out of range (-1)",),
            ),
            good(
                "1,2,3.5,964982703000", 1, 2, 3.5, 964982703000, warned=("timestamp out of range",)
            ),
            good("1,2,1.5", 1, 2, 1.5, dataset="genome-scores", warned=("relevance out of range",)),
            good(
                f"1,-{2**63},3.5,-4",
                1,
                -(2**63),
                3.5,
                -4,
                warned=("movie_id out of range", "timestamp out of range"),
            ),
            good("3,x,-5", 3, "x", -5, dataset="links", warned=("tmdb_id out of range",)),
            bad("1,2,1e400,964982704", "rating", "is beyond 64 bits"),
            bad(f"1,{2**63},3.5,964982704", "movie_id", "is beyond 64 bits"),
            bad("1,2,good,964982704", "rating", "'good' is not a number"),
            bad("1,,3.5,964982704", "movie_id", "a value is required"),
            Case("all in range", "ratings.csv", MANY, MANY_ROWS),
            Case(
                "all out of range",
                "ratings.csv",
                f"{RATINGS}\n1,2,0,964982704\n1,3,9.9,964982704\n".encode(),
                ((1, 2, 0.0, 964982704), (1, 3, 9.9, 964982704)),
                warned=("2 rows with rating out of range (0.0 to 9.9)",),
            ),
        ]
    ],
    "Archives": [
        *_named_archives(),
        refused(
            "a zip of two files",
            zipped({"a.csv": MANY, "b.csv": MANY}),
            "exactly one file; found 2: a.csv, b.csv",
            path="ratings.zip",
        ),
        refused("a zip of no file", zipped({}), "exactly one file; found 0", path="ratings.zip"),
        refused(
            "a zip of a folder",
            zipped({"ratings/": ""}),
            "exactly one file; found 0",
            path="ratings.zip",
        ),
        Case(
            "a zip with folders",
            "ratings.zip",
            zipped({"ml/": "", "ml/x/": "", "ml/x/a.csv": MANY}),
            MANY_ROWS,
        ),
        refused(
            "a zip with `../`",
            zipped({"../ratings.csv": MANY}),
            "points outside the archive",
            path="ratings.zip",
        ),
        refused(
            "a zip with `..\\`",
            zipped({"..\\ratings.csv": MANY}),
            "points outside the archive",
            path="ratings.zip",
        ),
        refused(
            "a zip with an absolute name",
            zipped({"/etc/ratings.csv": MANY}),
            "points outside the archive",
            path="ratings.zip",
        ),
        refused(
            "a zip with a drive",
            zipped({"C:\\ratings.csv": MANY}),
            "points outside the archive",
            path="ratings.zip",
        ),
        refused(
            "an encrypted zip",
            encrypted(zipped({"a.csv": MANY})),
            "the zip is encrypted",
            path="ratings.zip",
        ),
        refused(
            "a zip bomb",
            zipped({"a.csv": MANY + b"0" * 9_000_000}),
            "more than 100 times its size: not unpacked",
            path="ratings.zip",
        ),
        refused(
            "a zip in a zip",
            zipped({"a.zip": zipped({"a.csv": MANY})}),
            "it is a zip archive",
            path="ratings.zip",
        ),
        refused(
            "a gzip in a gzip",
            gzip.compress(gzip.compress(MANY)),
            "it is a gzip archive",
            path="ratings.csv.gz",
        ),
        refused(
            "bzip2 named .gz",
            bz2.compress(MANY),
            "its name is that of a gzip archive, but it is a bzip2 archive",
            path="ratings.csv.gz",
        ),
        refused(
            "gzip named .zip",
            gzip.compress(MANY),
            "its name is that of a zip archive, but it is a gzip archive",
            path="ratings.zip",
        ),
        refused(
            "a spreadsheet named .csv",
            zipped({"xl/workbook.xml": b"<x/>"}),
            "a zip archive or a spreadsheet",
        ),
        refused("an xz archive named .csv", b"\xfd7zXZ\x00\x00\x04", "it is an xz archive"),
        refused(
            "a gzip with a flipped byte",
            gzip.compress(MANY)[:2000] + b"?" + gzip.compress(MANY)[2001:],
            "not a complete gzip archive",
            path="ratings.csv.gz",
        ),
    ],
    "Sizes": [
        Case(
            "a field of 3 MB",
            "tags.csv",
            f'{TAGS}\n1,2,"{"x" * 3_000_000}",964982704\n1,2,b,964982704\n'.encode(),
            ((1, 2, "x" * 3_000_000, 964982704), (1, 2, "b", 964982704)),
        ),
        Case(
            "a field of 3 MB in a column of numbers",
            "ratings.csv",
            f"{GOOD}1,{'9' * 3_000_000},3.5,964982704\n".encode(),
            TWO["ratings"],
            ((4, "movie_id", "is beyond 64 bits"),),
        ),
        Case(
            "a line of 20 MB",
            "tags.csv",
            _with_a_line_of(20_000_000),
            ((1, 2, "y" * 20_000_000, 964982704), (1, 2, "b", 964982704)),
        ),
        refused(
            "a line of 70 MB",
            _with_a_line_of(70_000_000),
            "a line is longer than 64 MB",
            path="tags.csv",
        ),
        refused("2 MB without a line end", b"x" * 2_000_000, "first line is longer than 1 MB"),
        refused(
            "a record of 2,000 lines",
            _around("movies", f'1,"{LINE * 2000}",y'),
            "more than 10 rows had to be rejected",
            path="movies.csv",
        ),
    ],
    "How many": [
        Case(
            "10 bad rows of 12",
            "ratings.csv",
            (GOOD + "x,2,3.5,964982704\n" * 10).encode(),
            TWO["ratings"],
            tuple((n, "user_id", "'x'") for n in range(4, 14)),
        ),
        refused(
            "11 bad rows of 13",
            GOOD + "x,2,3.5,964982704\n" * 11,
            "more than 10 rows had to be rejected",
            "line 4: user_id: 'x' is not a whole number",
            "MOVIELENS_REJECT_ROWS",
        ),
        refused(
            "1 row, and it is bad",
            RATINGS + "\nx,2,3.5,964982704\n",
            "none of its rows can be loaded",
            "line 2: user_id",
        ),
        refused(
            "10 rows, all bad",
            RATINGS + "\n" + "x,2,3.5,964982704\n" * 10,
            "none of its rows can be loaded",
        ),
        Case(
            "0.1 % of 15,000 rows, after an unbalanced quote",
            "ratings.csv",
            MANY.replace(b"\n", b'\n1,"2,3.5,964982704\n', 1)
            + b"".join(MANY.partition(b"\n")[2:]) * 4
            + b"x,2,3.5,964982704\n" * 14,
            MANY_ROWS * 5,
            ((2, None, "unbalanced"), *((n, "user_id", "'x'") for n in range(15_003, 15_017))),
        ),
        refused(
            "0.11 % of 15,000 rows",
            MANY + b"".join(MANY.partition(b"\n")[2:]) * 4 + b"x,2,3.5,964982704\n" * 16,
            "more than 15 rows had to be rejected",
        ),
    ],
    "Names": [
        *(
            file(f"`{path}`", GOOD, path=path)
            for path in (
                "RATINGS.CSV",
                "Ratings.Csv",
                "ratings (copy) #1.csv",
                "ratings%20a.csv",
                "ratings[1].csv",
                "ratings*.csv",
                "ratings?.csv",
                "ratings-ñ風.csv",
                "ratings'\";--.csv",
                "ratings..csv",
                "ratings-..csv",
                "ratings 2024-01-01T00:00:00.csv",
                "ratings{a,b}.csv",
                "ratings~.csv",
                "ratings/part-0001.csv",
                "Ratings/2024/a..b.csv",
                "a b/ratings.csv",
                "#/ratings.csv",
                "%2e%2e/ratings.csv",
                "$HOME/ratings.csv",
                "ratings\\x.csv",
                "ratings/-rf.csv",
            )
        ),
        file("a line end in the name", GOOD, path="ratings\n.csv"),
        *(
            Case(f"`{path}`", path, GOOD.encode(), ignored=True)
            for path in (
                ".ratings.csv",
                ".hidden/ratings.csv",
                "ratings.csv.part",
                "ratings.csv~",
                "ratings.txt",
                "ratings",
                "my-ratings.csv",
                "ratingsheet.csv",
                "ratings.csv.bak",
                "ratings.gz",
                "ratings.csv.xz",
                "README",
            )
        ),
        Case("a folder named ratings.csv", "ratings.csv/x.txt", b"x", ignored=True),
        Case("a pipe", "ratings.csv", lambda path: os.mkfifo(path), ignored=True),
        Case(
            "a link to nowhere",
            "ratings.csv",
            lambda path: path.symlink_to("nowhere"),
            ignored=True,
        ),
        Case("a link to itself", "ratings.csv", lambda path: path.symlink_to(path), ignored=True),
        Case(
            "a link to its own folder",
            "ratings.csv",
            lambda path: path.symlink_to(path.parent),
            ignored=True,
        ),
        Case("a device", "ratings.csv", lambda path: path.symlink_to("/dev/zero"), ignored=True),
    ],
    "Times": [
        file("in the future", GOOD, modified=4_102_444_800),
        file("as long ago as can be", GOOD, modified=0),
        file("before 1970", GOOD, modified=-86_400),
        file("the same as another's", GOOD, modified=1_000_000_000),
        file("the same as another's (the other)", GOOD, modified=1_000_000_000),
    ],
}
CASES = [replace(case, family=family) for family, cases in FAMILIES.items() for case in cases]


@dataclass(frozen=True)
class Checked:
    """What became of a case.

    Attributes:
        case: The case.
        found: What happened, in words.
        problems: Where that is not what must become of it.
    """

    case: Case
    found: str
    problems: list[str]


class _Loaded:
    """A landing zone of cases with the same settings, after its load."""

    def __init__(self, cases: list[Case], folder: Path) -> None:
        self.zone = folder / "zone"
        write_six(self.zone)
        self._paths = {id(case): f"case-{number}/{case.path}" for number, case in enumerate(cases)}
        for case in cases:
            self._make(case)
        settings = Settings(home=folder / "home", _env_file=None, **cases[0].settings)
        self.report: LoadReport = load(str(self.zone), settings=settings)
        self.files = {file.path: file for file in self.report.files}
        self._raw = duckdb.connect(str(settings.warehouse_file), read_only=True)
        self._manifest = {
            path: entry
            for path, *entry in self._fetch(
                "select path, file_id, rows_loaded, rows_rejected from raw._files"
            )
        }

    def _make(self, case: Case) -> None:
        path = self.zone / self._paths[id(case)]
        path.parent.mkdir(parents=True)
        if isinstance(case.content, bytes):
            path.write_bytes(case.content)
        else:
            case.content(path)
        if case.modified is not None:
            os.utime(path, (case.modified, case.modified))

    def _fetch(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._raw.execute(sql, values).fetchall()

    def _rows(self, dataset: str, new: Iterable[str], file_id: int) -> list[Row]:
        names = [column.name for column in DATASETS[dataset].columns]
        columns = ", ".join(f'"{name}"' for name in (*names, *new))
        return self._fetch(f"select {columns} from raw.{dataset} where _file_id = ?", file_id)

    def others(self) -> Iterable[str]:
        """The good files whose rows are not exactly in RAW."""
        for name in SIX:
            table = DATASETS[self.files[name].dataset].table
            rows = self._rows(table, (), self._manifest[name][0])
            if sorted(rows, key=repr) != rows_in_files(self.zone / name):
                yield name

    def check(self, case: Case) -> Checked:
        path = self._paths[id(case)]
        if path in self.report.ignored:
            return Checked(case, "ignored, by name", [] if case.ignored else ["it is ignored"])
        if path not in self.files:
            folder = f"{Path(path).parent}/"
            inside = [other for other in self.report.ignored if other.startswith(folder)]
            found = "ignored, by name" if inside and case.ignored else "missed"
            return Checked(case, found, [] if inside and case.ignored else ["it is missed"])
        file = self.files[path]
        if file.status == "loaded":
            return self._check_rows(case, path)
        problems = [
            f"the reason does not say {words!r}"
            for words in case.refused
            if words not in file.reason
        ]
        if file.status != "refused" or not case.refused:
            problems.append(f"it is {file.status}")
        if path in self._manifest or file.rows or file.rejected:
            problems.append("something of it counts")
        return Checked(case, f"{file.status}: {file.reason}", problems)

    def _check_rows(self, case: Case, path: str) -> Checked:
        file_id, loaded, rejected = self._manifest[path]
        file = self.files[path]
        rows = self._rows(file.dataset, case.new, file_id)
        rejects = self._fetch(
            "select line, column_name, reason, raw_text from raw._rejected_rows "
            "where file_id = ? order by line",
            file_id,
        )
        problems = [
            f"no warning says {words!r}" for words in case.warned if words not in str(file.warnings)
        ]
        if case.refused or case.ignored:
            problems.append("it is loaded")
        if sorted(rows, key=repr) != sorted(case.rows, key=repr):
            problems.append(f"the rows are {str(rows)[:300]}")
        if (loaded, rejected) != (len(case.rows), len(case.rejected)) or (loaded, rejected) != (
            file.rows,
            file.rejected,
        ):
            problems.append(f"it counts {loaded} loaded and {rejected} rejected rows")
        if file.new_columns != case.new or (file.warnings and not case.warned):
            problems.append(f"new columns {file.new_columns}, warnings {file.warnings}")
        problems += _problems_of_rejects(case, rejects, self.zone / path)
        remarks = [
            f"line {line}, {column or 'row'}: {reason}" for line, column, reason, _ in rejects
        ]
        found = "; ".join([f"{loaded:,} loaded, {rejected} rejected", *remarks, *file.warnings])
        return Checked(case, found, problems)


def _problems_of_rejects(case: Case, rejects: list[Row], path: Path) -> Iterable[str]:
    if [reject[:2] for reject in rejects] != [reject[:2] for reject in case.rejected]:
        yield f"rejected are {[reject[:2] for reject in rejects]}"
    elif rejects:
        lines = lines_of(path.read_bytes().decode(case.settings.get("encoding", "utf-8")))
        for (line, _, reason, raw_text), (_, _, words) in zip(rejects, case.rejected, strict=True):
            if words not in reason:
                yield f"line {line}: the reason is {reason}"
            if raw_text != lines[line - 1].rstrip("\r\n"):
                yield f"line {line}: the raw text is {raw_text!r}"


def check_all(folder: Path, cases: Iterable[Case] = CASES) -> list[Checked]:
    """Loads all cases and compares what became of each with what must.

    Args:
        folder: An empty folder to work in.
        cases: The cases.

    Returns:
        What became of each.

    Raises:
        AssertionError: If a good file beside them was not loaded exactly.
    """

    def settings(case: Case) -> str:
        return repr(sorted(case.settings.items()))

    checked = []
    for name, group in groupby(sorted(cases, key=settings), settings):
        alike = list(group)
        loaded = _Loaded(alike, folder / f"settings-{len(checked)}")
        assert not list(loaded.others()), f"good files beside the cases, {name}"
        checked += [loaded.check(case) for case in alike]
    return checked
