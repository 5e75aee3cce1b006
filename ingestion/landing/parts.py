"""Folders of parts, as Spark and other engines write them: which files count, and when.

Names are those of Hadoop's file output committers, of S3A's, and of Spark's writers
(https://spark.apache.org/docs/latest/sql-data-sources-parquet.html, https://hadoop.apache.org/docs/
stable/hadoop-aws/tools/hadoop-aws/committers.html).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol, TypeVar

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Such as part-00000-<uuid>-c000.snappy.parquet; Databricks puts a transaction before the UUID.
_PART = re.compile(rf"part-\d+-(?:tid-\d+-)?({_UUID})(?![0-9a-f])", re.IGNORECASE)
# A job's folders in the folder that it writes to, until it commits.
_WRITING = re.compile(r"_temporary|__magic.*|\.spark-staging.*")
_FORMATS_OF_TABLES = {"_delta_log": "Delta Lake", ".hoodie": "Apache Hudi"}
_ICEBERG = re.compile(r"(?:(.*)/)?metadata/[^/]+\.metadata\.json(\.gz)?", re.IGNORECASE)
# So many files of a folder are named one by one; of more, a reader wants the folder.
_NAMED = 3


class HasPath(Protocol):
    """A file, or what is told about one."""

    @property
    def path(self) -> str:
        """Path relative to the landing zone."""


File = TypeVar("File", bound=HasPath)


class Write(NamedTuple):
    """One write of a Spark job into one folder.

    Attributes:
        folder: The folder.
        job: The UUID in the names of all its parts.
    """

    folder: str
    job: str


def write_of(path: str) -> Write | None:
    """Tells which write of Spark a file is a part of, by its name; None for any other file."""
    folder, _, name = path.rpartition("/")
    found = _PART.match(name)
    return Write(folder, found[1].lower()) if found else None


def replaced(missing: Iterable[str], listed: Iterable[str]) -> set[str]:
    """Finds the parts that a later write replaced.

    Spark gives parts other names each time. So if all parts of one write have left a folder, and
    parts of another are in it, the folder was written again. A part that left on its own was
    deleted, perhaps by mistake, like any other file.

    Args:
        missing: Paths of files that are loaded and no longer listed.
        listed: Paths of the files that are.
    """
    there = {write for write in map(write_of, listed) if write}
    folders = {write.folder for write in there}
    writes = {path: write for path in missing if (write := write_of(path))}
    return {p for p, write in writes.items() if write.folder in folders and write not in there}


def is_being_written(path: str) -> bool:
    """Whether a path ends in a folder that a job has only until it commits."""
    return _WRITING.fullmatch(path.rpartition("/")[2]) is not None


def is_no_data(name: str) -> bool:
    """Whether Spark and Hive take no file or folder of this name for data in a folder of parts."""
    return name.startswith("_") and "=" not in name


def closed_folders(paths: Iterable[str]) -> dict[str, str]:
    """Finds the folders of which nothing may be read, as only others know which files count.

    Args:
        paths: All paths in a landing zone.

    Returns:
        For each such folder, advice.
    """
    closed: dict[str, str] = {}
    for path in paths:
        if iceberg := _ICEBERG.fullmatch(path):
            closed[iceberg[1] or ""] = _of_a_table("Apache Iceberg")
        if "_" not in path and ".hoodie" not in path and ".spark" not in path:
            continue
        parts = PurePosixPath(path).parts
        for depth, part in enumerate(parts):
            folder = "/".join(parts[:depth])
            if part in _FORMATS_OF_TABLES:
                closed[folder] = _of_a_table(_FORMATS_OF_TABLES[part])
            elif _WRITING.fullmatch(part):
                closed.setdefault(folder, _unfinished(part))
    closed.pop("", None)  # Files in the landing zone itself are no parts.
    return closed


def _of_a_table(format_: str) -> str:
    return (
        f"is a table of {format_}, whose log says which of its files count, so none of them is "
        "read; write it to a folder of plain Parquet instead"
    )


def _unfinished(mark: str) -> str:
    return (
        f"is still being written ({mark} is in it), so none of it is read, and what was loaded of "
        f"it before stays; if that job has died, delete {mark}"
    )


def folder_among(path: str, folders: Collection[str]) -> str | None:
    """Returns the folder that a path is in, at any depth, if it is among those given."""
    if not folders:
        return None
    return next((f for f in folders if path.startswith(f"{f}/")), None)


def by_folder(
    files: Iterable[File], what: Callable[[File], Hashable], named: int = _NAMED
) -> list[tuple[str, list[File]]]:
    """Groups files of which the same is to be told, as a folder may hold hundreds of parts.

    Args:
        files: The files.
        what: What is to be told of one.
        named: How many files of a folder stay on their own.

    Returns:
        Each group with its name: a file's path, or a folder with the number of its files.
    """
    groups: dict[tuple[str, Hashable], list[File]] = {}
    for file in files:
        groups.setdefault((file.path.rpartition("/")[0], what(file)), []).append(file)
    found: list[tuple[str, list[File]]] = []
    for (folder, _), those in groups.items():
        if folder and len(those) > named:
            found.append((f"{folder}/ ({len(those):,} files)", those))
        else:
            found += [(file.path, [file]) for file in those]
    return found
