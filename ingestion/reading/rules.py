"""How strict the reading of files is, and what it says of a record that it turns away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ingestion.reading.encoding import text_encoding

RangeChecks = Literal["reject", "warn"]
# Raised with every change of the readers that may load what they refused: files that were refused
# by an earlier version are read again. (A test tells when the readers have changed.)
READER_VERSION = 1


@dataclass(frozen=True)
class Reject:
    """One record that could not be loaded.

    Attributes:
        line: The line that it starts at, the header being line 1.
        raw_text: The record as it stands in the file.
        column_name: The column at fault, or None if the record has the wrong shape.
        reason: What was expected and what was found.
    """

    line: int
    raw_text: str
    column_name: str | None
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.column_name or 'row'}: {self.reason}"


@dataclass(frozen=True)
class Rules:
    """The settings that decide what becomes of a file.

    Attributes:
        reject_rows: Rejected records that a file may have before it is refused, at least.
        reject_share: The same as a share of the file's records, if that is more.
        encoding: What files that are not UTF-8 are read as.
        range_checks: Whether a value outside its column's range rejects its record, or is loaded
            and warned of.

    Raises:
        ValueError: If the encoding is none, or the range checks are neither.
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
        """The number of rejected records allowed in a file of that many records."""
        return max(self.reject_rows, int(self.reject_share * records))
