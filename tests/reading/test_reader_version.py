"""A new reader version retries refused files; these tests say when it must change."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

from ingestion.reading.rules import READER_VERSION

INGESTION = Path(__file__).parents[2] / "ingestion"
# Whatever takes part in refusing a file for its content.
READERS = (
    "datasets",
    "landing/layouts",
    "landing/zips",
    "reading/bulk",
    "reading/careful",
    "reading/encoding",
    "reading/file",
    "reading/header",
    "reading/inspection",
    "reading/parquet",
    "reading/rules",
    "reading/together",
    "reading/translation",
)
# The version, and a hash of the readers that it stands for.
JUDGED = (1, "bb6ff6e9641505f3")


def code_lines(path: Path) -> list[str]:
    """The lines of a module, without docstrings, comments of their own and blank lines."""
    text = path.read_text()
    docstrings = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = (line for n, line in enumerate(text.splitlines(), 1) if n not in docstrings)
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def hash_of_readers() -> str:
    lines = [line for name in READERS for line in code_lines(INGESTION / f"{name}.py")]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def test_the_reader_version_is_raised_with_the_readers() -> None:
    assert (READER_VERSION, hash_of_readers()) == JUDGED, (
        "The readers have changed. If a file that they refused may load now, raise READER_VERSION "
        f"in ingestion/reading/rules.py; then note {(READER_VERSION, hash_of_readers())} here"
    )
