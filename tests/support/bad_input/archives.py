"""Archives, whole and damaged, and sizes."""

from __future__ import annotations

import bz2
import gzip

from tests.support.bad_input.builders import (
    GOOD,
    LINE,
    MANY,
    MANY_ROWS,
    TAGS,
    TWO,
    Case,
    around,
    encrypted,
    named_archives,
    refused,
    with_a_line_of,
    zipped,
)

FAMILIES: dict[str, list[Case]] = {
    "Archives": [
        *named_archives(),
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
            "it is named like a gzip archive, but it is a bzip2 archive",
            path="ratings.csv.gz",
        ),
        refused(
            "gzip named .zip",
            gzip.compress(MANY),
            "it is named like a zip archive, but it is a gzip archive",
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
            with_a_line_of(20_000_000),
            ((1, 2, "y" * 20_000_000, 964982704), (1, 2, "b", 964982704)),
        ),
        refused(
            "a line of 70 MB",
            with_a_line_of(70_000_000),
            "a line is longer than 64 MB",
            path="tags.csv",
        ),
        refused("2 MB without a line end", b"x" * 2_000_000, "first line is longer than 1 MB"),
        refused(
            "a record of 2,000 lines",
            around("movies", f'1,"{LINE * 2000}",y'),
            "more than 10 rows had to be rejected",
            path="movies.csv",
        ),
    ],
}
