"""Whether bytes are UTF-8 text; if not, what they look like, and reading them as that."""

from __future__ import annotations

import codecs
import re
from typing import IO

from ingestion.errors import RefusedFile

# With the longest first: the mark of UTF-32 begins with that of UTF-16.
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
_ARCHIVES = {
    b"\x1f\x8b": ("a gzip archive", ".gz"),
    b"BZh": ("a bzip2 archive", ".bz2"),
    b"\x28\xb5\x2f\xfd": ("a Zstandard archive", ".zst"),
    b"PK\x03\x04": ("a zip archive or a spreadsheet", ".zip"),
    b"\xfd7zXZ\x00": ("an xz archive", ""),
    b"PAR1": ("a Parquet file", ""),
    b"%PDF": ("a PDF", ""),
}
_WRONG_UTF8 = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")


class NotText(RefusedFile):
    """Bytes that are no text in UTF-8; they may be text in another encoding."""


def text_encoding(name: str) -> str:
    """Checks that Python can read text in an encoding.

    Args:
        name: Such as `utf-8`, `cp1252` or `utf-16`.

    Returns:
        The name in Python's spelling.

    Raises:
        ValueError: If it is no encoding of text.
    """
    try:
        sample = "movieId,title\n"
        if sample.encode(name).decode(name) == sample:
            return codecs.lookup(name).name
    except (LookupError, UnicodeError):
        pass
    raise ValueError(f"{name!r} is no encoding of text; such are utf-8, cp1252, utf-16")


def looks_like_archive(beginning: bytes) -> tuple[str, str] | None:
    """Recognises an archive by its first bytes.

    Args:
        beginning: The first bytes of a file.

    Returns:
        What it is and how the name of such a file ends, or None.
    """
    for mark, archive in _ARCHIVES.items():
        if beginning.startswith(mark):
            return archive
    return None


def _saved(encoding: str) -> str:
    return f"MOVIELENS_ENCODING={encoding} reads it; or save it as UTF-8"


def check_first_bytes(beginning: bytes) -> None:
    """Checks that a file does not begin like one that is no text in UTF-8.

    Args:
        beginning: Its first bytes.

    Raises:
        NotText: If it does.
    """
    for mark, encoding in _MARKS.items():
        if beginning.startswith(mark):
            raise NotText(
                f"line 1: byte 0x{mark[0]:02x} is not UTF-8; the file looks like "
                f"{encoding.upper()}. {_saved(encoding)}"
            )
    if archive := looks_like_archive(beginning):
        what, suffix = archive
        remedy = f"; give it a name that ends in {suffix}" if suffix else ""
        raise NotText(f"it is {what}, not text{remedy}")


def check_text(piece: bytes, lines_before: int) -> None:
    """Checks that bytes are UTF-8 text.

    Args:
        piece: Whole lines of a file.
        lines_before: How many lines of it come before.

    Raises:
        NotText: If they are not; names the line, the byte and the encoding they look like.
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
        raise NotText(
            f"line {line}: byte 0x{byte:02x} is not UTF-8; {_without_nul(piece, error)}"
        ) from None


def _with_nul(line: bytes) -> str:
    encoding = _NUL_PATTERNS.get("".join("0" if byte == 0 else "x" for byte in line[:4]))
    if encoding:
        return f"the file looks like {encoding.upper()}. {_saved(encoding)}"
    return "the file is damaged, or is no text"


def _without_nul(piece: bytes, error: UnicodeDecodeError) -> str:
    if error.end == len(piece) and error.reason == "unexpected end of data":
        return "the last character is cut: the file is not complete"
    if _WRONG_UTF8.match(piece, error.start):
        return "it is UTF-8 as no program should write it: an overlong form or half a pair"
    if not piece.decode(errors="ignore").isascii():
        return (
            "other parts of it are UTF-8: it is damaged, put together from several encodings, or "
            "in one that MOVIELENS_ENCODING can name"
        )
    try:
        piece.decode("cp1252")
    except UnicodeDecodeError:
        return "MOVIELENS_ENCODING can name another encoding to read it as; or save it as UTF-8"
    return f"the file looks like Latin-1 or Windows-1252. {_saved('cp1252')}"


class Transcoded:
    """A stream of bytes in another encoding, as UTF-8.

    Args:
        stream: Where the bytes come from.
        encoding: What they are.
    """

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._lines = 0

    def read(self, size: int) -> bytes:
        """Reads about that many bytes.

        Args:
            size: How many bytes of the stream to read at once.

        Returns:
            What they are in UTF-8; nothing at the end of the stream.

        Raises:
            NotText: If they are not in the encoding.
        """
        text = ""
        block = b"-"
        while block and not text:
            block = self._stream.read(size)
            try:
                text = self._decoder.decode(block, final=not block)
            except UnicodeError as error:
                raise NotText(f"after line {self._lines + 1}: {error}") from None
        self._lines += text.count("\n")
        return text.encode()
