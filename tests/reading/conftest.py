"""Reading one file the way a load does."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.reading.rules import Rules
from tests.support.one_file import ANY_NUMBER_OF_REJECTS, Read, Reader, read_as_a_load_does


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Reads content under a file name."""

    def reader(name: str, content: bytes | str, rules: Rules = ANY_NUMBER_OF_REJECTS) -> Read:
        return read_as_a_load_does(tmp_path, name, content, rules)

    return reader
