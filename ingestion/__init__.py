"""MovieLens Warehouse as a library: the dlt source and the load behind `movielens`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.errors import MovielensError
    from ingestion.operate.steps import load
    from ingestion.raw.load import FileReport, LoadReport
    from ingestion.raw.source import movielens_source, read_movielens
    from ingestion.settings import Settings

__all__ = [
    "FileReport",
    "LoadReport",
    "MovielensError",
    "Settings",
    "load",
    "movielens_source",
    "read_movielens",
]

_HOMES = {
    "FileReport": "raw.load",
    "LoadReport": "raw.load",
    "MovielensError": "errors",
    "Settings": "settings",
    "load": "operate.steps",
    "movielens_source": "raw.source",
    "read_movielens": "raw.source",
}


def __getattr__(name: str) -> Any:
    # dlt takes more than a second to import; a run with nothing new does without it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
