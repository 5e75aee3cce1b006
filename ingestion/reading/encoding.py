"""Checks that bytes are UTF-8 text; if not, guesses what they are, and transcodes them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from ingestion.errors import RefusedFile

# Of the files of releases without CSV, those that are not UTF-8 have this encoding.
OLD_ENCODING = "latin-1"
# Longest first: the BOM of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Which of four bytes are NUL in text that is mostly ASCII.
_NUL_PATTERNS = {
    "x000": "utf-32-le",
    "000x": "utf-32-be",
    "x0x0": "utf-16-le",
    "0x0x": "utf-16-be",
}
# First bytes that no text has, and the suffix that makes such a file be unpacked.
_ARCHIVES: tuple[tuple[str, str, tuple[bytes, ...]], ...] = (
    ("a gzip archive", ".gz", (b"\x1f\x8b",)),
    ("a bzip2 archive", ".bz2", (b"BZh",)),
    # Zstandard may begin with a skippable frame.
    (
        "a Zstandard archive",
        ".zst",
        (b"\x28\xb5\x2f\xfd", *(bytes([n]) + b"\x2a\x4d\x18" for n in range(0x50, 0x60))),
    ),
    ("a zip archive or a spreadsheet", ".zip", (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")),
    ("an xz archive", "", (b"\xfd7zXZ\x00",)),
    ("a Parquet file", ".parquet", (b"PAR1",)),
    ("a PDF", "", (b"%PDF",)),
)
_LOOKS_LATIN = "the file looks like Latin-1 or Windows-1252"
_WRONG_UTF8 = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")


class NotText(RefusedFile):
    """Bytes that are not UTF-8 text, but may be text in another encoding."""


class LooksLatin(NotText):
    """Bytes that are not UTF-8, but look like Latin-1 from beginning to end."""


def text_encoding(name: str) -> str:
    """Checks that Python can read text in an encoding.

    Args:
        name: Such as `utf-8`, `cp1252` or `utf-16`.

    Returns:
        The name in Python's spelling.

    Raises:
        ValueError: If it is not a text encoding.
    """
    try:
        sample = "movieId,title\n"
        if sample.encode(name).decode(name) == sample:
            return codecs.lookup(name).name
    except (LookupError, UnicodeError):
        pass
    raise ValueError(f"{name!r} is not a text encoding; use one such as utf-8, cp1252 or utf-16")


def looks_like_archive(beginning: bytes) -> tuple[str, str] | None:
    """Recognises an archive by its first bytes.

    Returns:
        What it is and its file name suffix, or None.
    """
    found = ((what, suffix) for what, suffix, marks in _ARCHIVES if beginning.startswith(marks))
    return next(found, None)


def _saved(encoding: str) -> str:
    return f"MOVIELENS_ENCODING={encoding} reads it; or save it as UTF-8"


def check_first_bytes(beginning: bytes) -> None:
    """Checks that a file's first bytes may be UTF-8 text.

    Raises:
        NotText: If they mark an archive or another encoding.
    """
    for mark, encoding in _MARKS.items():
        if beginning.startswith(mark):
            raise NotText(
                f"line 1: byte 0x{mark[0]:02x} is not UTF-8; the file looks like "
                f"{encoding.upper()}. {_saved(encoding)}"
            )
    if archive := looks_like_archive(beginning):
        what, suffix = archive
        remedy = f"; rename it to end in {suffix}" if suffix else ""
        raise NotText(f"it is {what}, not text{remedy}")


def check_text(piece: bytes, lines_before: int) -> None:
    """Checks that bytes are UTF-8 text.

    Args:
        piece: Whole lines of a file.
        lines_before: How many lines precede them.

    Raises:
        NotText: If they are not; names the line, the byte and the likely encoding.
    """
    if b"\0" in piece:
        at = piece.index(b"\0")
        line = lines_before + piece[:at].count(b"\n") + 1
        start = piece.rfind(b"\n", 0, at) + 1
        raise NotText(f"line {line}: a NUL byte; {_with_nul(piece[start:])}")
    if piece.isascii():
        return
    try:
        piece.decode()
    except UnicodeDecodeError as error:
        line = lines_before + piece[: error.start].count(b"\n") + 1
        byte = piece[error.start]
        what = _without_nul(piece, error)
        kind = LooksLatin if what.startswith(_LOOKS_LATIN) else NotText
        raise kind(f"line {line}: byte 0x{byte:02x} is not UTF-8; {what}") from None


def _with_nul(line: bytes) -> str:
    encoding = _NUL_PATTERNS.get("".join("0" if byte == 0 else "x" for byte in line[:4]))
    if encoding:
        return f"the file looks like {encoding.upper()}. {_saved(encoding)}"
    return "the file is damaged, or is not text"


def _without_nul(piece: bytes, error: UnicodeDecodeError) -> str:
    if error.end == len(piece) and error.reason == "unexpected end of data":
        return "the last character is cut off: the file is incomplete"
    if _WRONG_UTF8.match(piece, error.start):
        return "it is invalid UTF-8: an overlong form or half a surrogate pair"
    if not piece.decode(errors="ignore").isascii():
        return (
            "other parts of it are UTF-8: it is damaged, mixes encodings, or has another one, to "
            "be set with MOVIELENS_ENCODING"
        )
    try:
        piece.decode("cp1252")
    except UnicodeDecodeError:
        return "set its encoding with MOVIELENS_ENCODING, or save it as UTF-8"
    return f"{_LOOKS_LATIN}. {_saved('cp1252')}"


def transcoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Transcodes text, cut anywhere, from another encoding to UTF-8.

    Raises:
        NotText: If it is not in that encoding.
    """
    lines = 0
    try:
        for text in codecs.iterdecode(blocks, encoding):
            yield text.encode()
            lines += text.count("\n")
    except UnicodeError as error:
        raise NotText(f"after line {lines + 1}: {error}") from None
