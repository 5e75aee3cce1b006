"""Text in various encodings."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace

from tests.support.bad_input.builders import (
    BOM,
    GOOD,
    TAGS,
    Case,
    around,
    file,
    refused,
)

FAMILIES: dict[str, list[Case]] = {
    "Encodings": [
        refused(
            "Latin-1",
            around("movies", "1,Amélie,x").encode("latin-1"),
            "line 3: byte 0xe9",
            "looks like Latin-1",
            "MOVIELENS_ENCODING=cp1252",
            path="movies.csv",
        ),
        refused(
            "Windows-1252",
            around("movies", "1,It’s,x").encode("cp1252"),
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
            around("movies", "1,風の谷のナウシカ,x").encode("shift_jis"),
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
            "half a surrogate pair",
        ),
        refused(
            "beyond Unicode",
            GOOD.encode() + b"\xf5\x80\x80\x80\n",
            "line 4: byte 0xf5 is not UTF-8",
        ),
        refused(
            "the last character cut",
            around("movies", "1,x,y").encode() + "9,é".encode()[:-1],
            "the last character is cut",
            path="movies.csv",
        ),
        refused(
            "one byte flipped in UTF-8",
            around("movies", "1,Amélie,Éric").encode().replace(b"\xc3\x89", b"\xc3\xff"),
            "other parts of it are UTF-8",
            path="movies.csv",
        ),
        refused(
            "UTF-8 and Latin-1 put together",
            around("movies", "1,Amélie,x").encode() + b"9,\xe9t\xe9,x\n",
            "mixes encodings",
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
                "It is not cp1252 either",
                path="movies.csv",
            ),
            refused(
                "a NUL in it",
                b"movieId,title,genres\n1,\xe9\0,x\n",
                "It is not cp1252 either",
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
                "It is not utf-16 either",
                "truncated",
            ),
            refused(
                "half a surrogate pair",
                GOOD.encode("utf-16") + b"\x00\xd8\x0a\x00",
                "It is not utf-16 either",
            ),
        ]
    ],
    "Encodings, with MOVIELENS_ENCODING=raw_unicode_escape": [
        refused(
            "half a surrogate pair, spelt out",
            f"{TAGS}\n1,2,é,964982704\n1,2,\\ud800,964982705\n".encode("latin-1"),
            "It is not raw-unicode-escape either",
            "surrogates not allowed",
            path="tags.csv",
            settings={"encoding": "raw_unicode_escape"},
        ),
    ],
}
