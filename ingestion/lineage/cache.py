"""Keeps analyses and fingerprints in a file, so that nothing is computed twice."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def read(file: Path) -> dict[str, Any]:
    """Returns what was kept; nothing if the file is missing or not readable as JSON."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Keeps something; if it cannot be written, it is computed again next time.

    Any number of processes may write at the same time: one of them is the last.
    """
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as unfinished:
            unfinished.write(text)
        Path(unfinished.name).replace(file)
