"""Translates files of releases without CSV into CSV, line by line.

The readers then treat them as any other file of their dataset. Each line becomes one line, so that
a rejected record can be traced to its line, and is recorded as it stands in the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from ingestion.errors import RefusedFile
from ingestion.landing.layouts import Layout
from ingestion.reading.encoding import check_first_bytes, check_text
from ingestion.reading.rules import Reject

NO_ROWS = "the file is empty: it has no rows"
_BOM = b"\xef\xbb\xbf"
_SEPARATORS = {"::": "double colons", "\t": "tabs", "|": "bars", ";": "semicolons", ",": "commas"}


class Translation:
    """Translates one file, from its beginning to its end.

    Args:
        layout: How its rows are written.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._separator = layout.separator.encode()
        self._is_plain = len(layout.columns) == layout.width
        # One field too many, whatever the dataset: every reader rejects it.
        self._malformed = b"," * len(layout.columns)
        self._flags = [flag.encode() for flag in layout.flags]
        self._hash = hashlib.sha256()
        self._lines = 0

    @property
    def content_hash(self) -> str:
        """SHA-256 of what was translated so far."""
        return self._hash.hexdigest()

    def of(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yields the file as CSV in UTF-8, a header first.

        Args:
            pieces: Its bytes, in pieces that end at a line end.

        Raises:
            RefusedFile: If it has no rows, or other separators.
            NotText: If it is not UTF-8.
        """
        has_rows = is_begun = False
        for piece in pieces:
            self._hash.update(piece)
            if not is_begun:
                check_first_bytes(piece)
            check_text(piece, self._lines)
            self._lines += piece.count(b"\n")
            if not is_begun:
                piece = piece.removeprefix(_BOM)
                is_begun = True
                yield ",".join(self._layout.columns).encode() + b"\n"
            if not has_rows and (first := next(filter(None, piece.splitlines()), b"")):
                self._check_separator(first.decode())
                has_rows = True
            yield self._piece(piece)
        if not has_rows:
            raise RefusedFile(NO_ROWS)

    def _check_separator(self, first: str) -> None:
        if self._layout.separator in first:
            return
        for separator, word in _SEPARATORS.items():
            if separator in first:
                names = (name or "…" for name in (*self._layout.fields, *self._layout.flags))
                expected = self._layout.separator.join(names)
                raise RefusedFile(
                    f"the fields are separated by {word}; expected "
                    f"{_SEPARATORS[self._layout.separator]}, as in: {expected}"
                )

    def _piece(self, piece: bytes) -> bytes:
        if self._is_plain and b"," not in piece and b'"' not in piece:
            return piece.replace(self._separator, b",")
        lines = b"\n".join(map(self._line, piece.splitlines()))
        return lines + b"\n" if piece.endswith((b"\n", b"\r")) else lines

    def _line(self, line: bytes) -> bytes:
        if not line:
            return line
        if problem_with(line, self._layout):
            return self._malformed
        fields = line.split(self._separator)
        pairs = zip(self._layout.fields, fields, strict=False)
        values = [field for name, field in pairs if name]
        if self._flags:
            flagged = zip(self._flags, fields[len(self._layout.fields) :], strict=True)
            values.append(b"|".join(genre for genre, flag in flagged if flag == b"1"))
        return b",".join(map(_quoted, values))


def _quoted(value: bytes) -> bytes:
    if b"," not in value and b'"' not in value:
        return value
    return b'"' + value.replace(b'"', b'""') + b'"'


def problem_with(line: bytes, layout: Layout) -> tuple[str | None, str] | None:
    """Says which column of a line is not written as its layout has it, and why.

    Args:
        line: The line, without its end.
        layout: How it should be written.

    Returns:
        The column, None if it is the whole line, and what is wrong; or None.
    """
    fields = line.split(layout.separator.encode())
    if len(fields) != layout.width:
        return None, f"{len(fields)} field{'s' * (len(fields) != 1)}; expected {layout.width}"
    for genre, flag in zip(layout.flags, fields[len(layout.fields) :], strict=True):
        if flag not in (b"0", b"1"):
            return "genres", f"{flag.decode()!r} for {genre} is not 0 or 1"
    return None


class Originals:
    """Tells what the lines of a translated file were before.

    Args:
        lines: The lines of the file, without their ends.
        layout: How they are written.
    """

    def __init__(self, lines: Iterator[bytes], layout: Layout) -> None:
        self._lines = lines
        self._layout = layout
        self._at = 0
        self._line = b""

    def reject(self, line: int, raw_text: str, column_name: str | None, reason: str) -> Reject:
        """Describes a rejected record by the line that it was translated from.

        Lines have to be asked for in their order; the header of the translation is its line 1.
        """
        while self._at < line - 1:
            self._line = next(self._lines, b"")
            self._at += 1
        found = problem_with(self._line.removeprefix(_BOM), self._layout)
        return Reject(self._at, self._line.decode(), *(found or (column_name, reason)))
