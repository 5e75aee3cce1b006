"""What many tests start from, made once in a test session for all workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def template(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Gives a folder that the first who asks makes, while others wait. Tests work on copies.

    Args:
        factory: pytest's.
        name: The folder's name.
        make: Fills it.
    """
    own = factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    made = Path(f"{folder}.made")
    with FileLock(f"{folder}.lock"):
        if not made.exists():
            assert not folder.exists(), f"{folder} could not be made; the first error says why"
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
