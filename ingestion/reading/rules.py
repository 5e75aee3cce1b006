"""How strictly files are read, and how a rejected record is described."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from ingestion.reading.encoding import text_encoding

if TYPE_CHECKING:
    from ingestion.reading.header import Header

RangeChecks = Literal["reject", "warn"]
# Raise it with every change that may let the readers load what they refused: files refused by an
# earlier version are then read again. (A test fails when the readers have changed.)
READER_VERSION = 1


@dataclass(frozen=True)
class Reject:
    """One record that could not be loaded.

    Attributes:
        line: The line it starts on; the header is line 1.
        raw_text: The record as it is in the file.
        column_name: The column at fault, or None if the record has the wrong shape.
        reason: What was expected and what was found.
    """

    line: int
    raw_text: str
    column_name: str | None
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.column_name or 'row'}: {self.reason}"


Describe: TypeAlias = Callable[[int, str, str | None, str], Reject]
"""Describes a rejected record; its arguments are the attributes of `Reject`."""


@dataclass(frozen=True)
class Rules:
    """The settings that decide whether a file's records are loaded, and the file refused.

    Attributes:
        reject_rows: How many records of a file may be rejected before it is refused.
        reject_share: The same as a share of the file's records; the larger limit applies.
        encoding: The encoding of files that are not UTF-8.
        range_checks: Whether a value outside its column's range rejects its record, or is loaded
            with a warning.

    Raises:
        ValueError: If the encoding or the range checks are not supported.
    """

    reject_rows: int = 10
    reject_share: float = 0.001
    encoding: str = "utf-8"
    range_checks: RangeChecks = "reject"

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoding", text_encoding(self.encoding))
        if self.range_checks not in get_args(RangeChecks):
            raise ValueError(f"range checks are 'reject' or 'warn', not {self.range_checks!r}")

    def limit(self, records: int) -> int:
        """Returns how many rejects are allowed in a file of that many records."""
        return max(self.reject_rows, int(self.reject_share * records))

    def applied_to(self, header: Header) -> Header:
        """Returns a header as the readers are to check it: with ranges, or without."""
        return header if self.range_checks == "reject" else header.without_ranges()
