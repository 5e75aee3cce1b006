"""Keeps what was computed of some code in files, so that nothing is computed twice."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

# How many versions of the code are kept, each in a folder of its own.
_KEPT = 6
_FILE = "lineage.json"


def read(folder: Path) -> dict[str, Any]:
    """Returns what was kept in a folder; nothing if it is missing or not readable as JSON."""
    try:
        content = json.loads((folder / _FILE).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def newest(root: Path) -> Path | None:
    """Returns the folder below another one in which something was kept last, if in any."""
    folders = _by_age(root)
    return folders[-1] if folders else None


def write(folder: Path, content: Mapping[str, Any]) -> None:
    """Keeps something, and drops the oldest of the folders beside it if there are many.

    If it cannot be written, it is computed again next time. Any number of processes may write at
    the same time: one of them is the last.
    """
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content)
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as unfinished:
            unfinished.write(text)
        Path(unfinished.name).replace(folder / _FILE)
        for old in _by_age(folder.parent)[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)


def _by_age(root: Path) -> list[Path]:
    files = root.glob(f"*/{_FILE}")
    return [file.parent for file in sorted(files, key=lambda file: file.stat().st_mtime)]
