"""What marts share on every engine: queries, answers, errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Parameter = str | int | float

_TABLE = re.compile(r"\b(?:from|join)\s+([^\s,()]+)", re.IGNORECASE)
_MART = re.compile(r"mart_[a-z_]+")
_FUNCTION_FROM = re.compile(r"extract\(\w+ from \w+\)", re.IGNORECASE)


class MartsError(Exception):
    """An error a visitor may see: contains no path and no SQL."""


class NothingPublished(MartsError):
    """There are no published marts yet."""


class MartsUnreadable(MartsError):
    """There are published marts, but they cannot be read."""


class MartMissing(MartsError):
    """A mart, or a column of it, is not published."""

    def __init__(self, names: str) -> None:
        super().__init__(f"{names} is missing")
        self.names = names


class VersionGone(MartsError):
    """The pinned version has been removed, and another one is published."""


class Store(Protocol):
    """Published marts at one version."""

    key: str
    """Unique key of this version of these marts."""

    def fetch(self, statement: str, parameters: tuple[Parameter, ...]) -> pd.DataFrame:
        """Runs one checked statement; column names are lower case."""


@dataclass(frozen=True)
class Pinned:
    """The version that answers a page run.

    Attributes:
        store: The marts at this version.
        confirmed_at: When it was last known to be the published one, in naive UTC.
        is_confirmed: False if the marts have been unreachable since; this is then the last good
            version.
    """

    store: Store
    confirmed_at: datetime
    is_confirmed: bool = True


class Engine(Protocol):
    """Where published marts are kept."""

    at_once: int
    """How many pages to compute at a time: few if that takes a processor, more if it is waiting."""

    def pin(self) -> Pinned:
        """Pins the published version, or the last good one while the marts are unreachable."""


@lru_cache(maxsize=256)
def marts_named(statement: str) -> tuple[str, ...]:
    """Checks that a statement only reads marts, and names them in alphabetical order.

    Raises:
        ValueError: If it is not one select over tables named `mart_*`.
    """
    text = statement.strip()
    if not text.lower().startswith("select") or ";" in text:
        raise ValueError("The dashboard sends single select statements only")
    tables = set(_TABLE.findall(_FUNCTION_FROM.sub("", text)))
    refused = sorted(table for table in tables if not _MART.fullmatch(table))
    if refused or not tables:
        raise ValueError(f"The dashboard reads marts only, not {', '.join(refused) or 'nothing'}")
    return tuple(sorted(tables))


def frame(answer: pa.Table) -> pd.DataFrame:
    """Gives an engine's answer the same column names and types on every engine.

    Returns:
        Integers as int64 (float64 if any is null), other numbers as float64, dates and times as
        datetime64[us] in naive UTC.
    """
    columns = [_cast(column, _one_type(column.type)) for column in answer.columns]
    names = [name.lower() for name in answer.column_names]
    return pa.Table.from_arrays(columns, names=names).to_pandas(use_threads=False)


def _cast(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    if column.type == type_:
        return column
    # Snowflake's times have nanoseconds; no mart uses them.
    return pc.cast(column, options=pc.CastOptions(type_, allow_time_truncate=True))


def _one_type(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(type_) or (pa.types.is_decimal(type_) and type_.scale == 0):
        return pa.int64()
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return pa.float64()
    return pa.timestamp("us") if pa.types.is_temporal(type_) else type_
