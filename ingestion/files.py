"""Small files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Writes a text file; whoever reads it, after a crash too, finds the old text or the new.

    Args:
        path: The file; two of one folder must not be written at the same time.
        text: What it shall hold.
    """
    unfinished = path.with_name(".unfinished")
    unfinished.write_text(text)
    unfinished.replace(path)
