"""What a case is, and the pieces that cases are made of."""

from __future__ import annotations

import bz2
import gzip
import io
import random
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

Row = tuple[Any, ...]
# The line, the column (None: the whole record) and a part of the reason.
Rejected = tuple[int, str | None, str]


@dataclass(frozen=True)
class Case:
    """A file and its expected outcome; a case that names none must load without rows.

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
    """A ratings file that must load, unless specified otherwise."""
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


def around(dataset: str, record: str) -> str:
    return "\n".join([HEADERS[dataset], BEFORE[dataset][0], record, AFTER[dataset][0]]) + "\n"


def good(record: str, *row: Any, dataset: str = "ratings", name: str = "", **more: Any) -> Case:
    """A record that must load, between two others."""
    rows = (BEFORE[dataset][1], row, AFTER[dataset][1])
    name = name or f"`{record}`"
    return Case(name, f"{dataset}.csv", around(dataset, record).encode(), rows, **more)


def bad(
    record: str,
    column: str | None,
    reason: str,
    dataset: str = "ratings",
    name: str = "",
    **more: Any,
) -> Case:
    """A record that must be rejected, between two others."""
    name = name or f"`{record}`"
    content = around(dataset, record).encode()
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


def second_mark_damaged(pack: Callable[[bytes], bytes]) -> bytes:
    first, second = pack(MANY[:HALF]), bytearray(pack(MANY[HALF:]))
    second[0] ^= 0xFF
    return first + bytes(second)


def bomb(pack: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(
        pack(RATINGS.encode() + b"\n") + pack(b"1,2,3.5,964982704\n" * 700_000) * 10
    )


def named_archives() -> list[Case]:
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
            refused(f"text named .{suffix}", MANY, "it is named like a", "begins with", path=path),
            refused(f"{suffix} of nothing", pack(b""), "is empty", path=path),
            refused(f"zero bytes named .{suffix}", b"", "is empty (zero bytes)", path=path),
            refused(f"{suffix} named .csv", whole, "archive", "rename it to end in ." + suffix),
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
                    second_mark_damaged(pack),
                    "not a complete",
                    path=path,
                ),
                refused(f"{suffix} bomb", bomb(pack), "more than 100 times its size", path=path),
            ]
    return cases


def with_a_line_of(size: int) -> Callable[[Path], object]:
    return lambda path: path.write_text(f"{TAGS}\n1,2,{'y' * size},964982704\n1,2,b,964982704\n")
