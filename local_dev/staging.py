"""A folder that appears atomically.

New content is written to `.<name>.partial/` beside the folder and renamed into place, so a killed
run leaves the old folder, or none, never half of a new one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ingestion.datasets import MARKER
from local_dev.errors import FolderBusy, FolderOccupied, disk_errors_explained, disk_full


@dataclass(frozen=True)
class Workspace:
    """Where a folder is prepared.

    Attributes:
        target: The folder to create.
        root: The hidden folder beside it; its content survives a failed run.
        data: The folder inside `root` that becomes `target`.
    """

    target: Path
    root: Path
    data: Path


def absolute(folder: Path) -> Path:
    """Resolves `~`, links and `..`, so that the folder beside it is on the same disk."""
    return folder.expanduser().resolve()


def require_space(folder: Path, needed: int) -> None:
    """Fail early if the disk is too small.

    Args:
        folder: The folder to be written; it need not exist.
        needed: Bytes required.

    Raises:
        DiskFull: Less than that is free.
    """
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise disk_full(folder, needed, free)


def read_marker(folder: Path) -> dict[str, Any]:
    """Reads a folder's marker file; empty if there is none, or not one of ours."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return marker if isinstance(marker, dict) else {}


def write_marker(folder: Path, marker: dict[str, Any]) -> None:
    """Write the marker file of a folder.

    Args:
        folder: The folder that the marker is about.
        marker: Its content; the same content gives the same bytes.
    """
    text = json.dumps(marker, indent=2) + "\n"
    (folder / MARKER).write_text(text, encoding="utf-8", newline="\n")


def require_replaceable(target: Path, edition: str, own_files: Collection[str]) -> None:
    """Check that no foreign files would be lost.

    Args:
        target: The folder to replace; it need not exist.
        edition: The edition its marker must name.
        own_files: The names of the files that may be in it.

    Raises:
        FolderOccupied: It is not a folder, holds other files, or another edition.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise _occupied(target, "is not a folder")
    found = {path.name for path in target.iterdir()}
    if not found:
        return
    foreign = sorted(found - {MARKER, *own_files})
    if foreign:
        raise _occupied(target, f"holds other files ({', '.join(foreign[:3])})")
    if read_marker(target).get("edition") != edition:
        raise _occupied(target, f"holds files of another edition than '{edition}'")


def _occupied(target: Path, why: str) -> FolderOccupied:
    return FolderOccupied(
        f"{target} {why}; it was left unchanged.",
        "Choose another folder, or remove this one first.",
    )


@contextmanager
def prepared_folder(target: Path, edition: str, own_files: Collection[str]) -> Iterator[Workspace]:
    """Prepare a folder beside its place, and move it there when the block ends without an error.

    Args:
        target: The folder to create, absolute.
        edition: The edition it will hold; only the same edition is replaced.
        own_files: The names of the files an edition may have.

    Yields:
        The workspace, with an empty `data` folder.

    Raises:
        FolderOccupied: The folder holds something else.
        FolderBusy: Another process is preparing the same folder.
        FolderNotWritable: A folder could not be written.
        DiskFull: The disk has no room.
    """
    require_replaceable(target, edition, own_files)
    root = target.parent / f".{target.name}.partial"
    with disk_errors_explained(target), _locked(root, target):
        work = Workspace(target, root, root / "data")
        try:
            _recover(work)
            work.data.mkdir()
            yield work
            require_replaceable(target, edition, own_files)
            _move_into_place(work)
        finally:
            _tidy(work)


@contextmanager
def _locked(root: Path, target: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise FolderBusy(
            f"Another process is writing {target}.",
            "Wait for it to end, or choose another folder.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _recover(work: Workspace) -> None:
    """Undo a killed run: remove partial data, restore a folder that was moved aside."""
    shutil.rmtree(work.data, ignore_errors=True)
    old = work.root / "old"
    if old.exists() and not work.target.exists():
        old.rename(work.target)


def _move_into_place(work: Workspace) -> None:
    """Two renames, because one cannot replace a folder that is not empty."""
    old = work.root / "old"
    shutil.rmtree(old, ignore_errors=True)
    if work.target.exists():
        work.target.rename(old)
    try:
        work.data.rename(work.target)
    except OSError:
        if old.exists():
            old.rename(work.target)
        raise


def _tidy(work: Workspace) -> None:
    """Remove everything but a download that can be resumed."""
    shutil.rmtree(work.data, ignore_errors=True)
    shutil.rmtree(work.root / "old", ignore_errors=True)
    if {path.name for path in work.root.iterdir()} <= {"lock"}:
        shutil.rmtree(work.root, ignore_errors=True)
