"""Mistakes in the code that guards data, and whether its tests notice.

    trial = Trial(folder)
    for mistake in drawn("raw/commit", seed=1):
        verdict = trial.verdict("raw/commit", mistake)

The tests run in a copy of this checkout, in which one module has one mistake.
"""

from __future__ import annotations

import importlib.util
import os
import random
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import pytest

from tests.support import forking
from tests.support.checkout import PROJECT, copy_of_checkout
from tests.support.code_edits import Mistake, mistakes, plain

_LOADS = ("tests/raw/test_load.py",)
_REFUSES = "tests/reading/test_bad_input.py"
_READS = (
    "tests/reading/test_reading.py",
    "tests/reading/test_reading_of_damaged_files.py",
    _REFUSES,
)
GUARDS = {
    "raw/commit": (*_LOADS, "tests/warehouse/test_lease.py"),
    "raw/manifest": (*_LOADS, "tests/publish/test_as_of.py", "tests/reading/test_releases.py"),
    "raw/rows": _LOADS,
    "raw/plan": (*_LOADS, "tests/operate/test_status.py"),
    "raw/load": (*_LOADS, "tests/operate/test_status.py"),
    "raw/refusals": (*_LOADS, "tests/operate/test_status.py", _REFUSES),
    "warehouse/lease": ("tests/warehouse/test_lease.py", "tests/operate/test_vacuum.py"),
    "warehouse/run": ("tests/warehouse/test_lease.py", "tests/operate/test_recovery.py"),
    "reading/bulk": _READS,
    "reading/together": ("tests/reading/test_reading_together.py",),
    "reading/inspection": (*_READS, "tests/reading/test_inspection.py"),
    "publish/publish": ("tests/publish/test_publish.py",),
    "publish/duckdb_file": ("tests/publish/test_publish.py", "tests/build/test_release.py"),
    "build/audit": ("tests/build/test_build_audit.py",),
    "operate/vacuum": ("tests/operate/test_vacuum.py",),
    "operate/recovery": ("tests/operate/test_recovery.py",),
    "operate/exclusive": (
        "tests/operate/test_concurrent_runs.py",
        "tests/operate/test_status.py",
        "tests/cli/test_commands.py",
    ),
}
"""The modules that guard data, and the tests that guard them."""
INVALID, STOPPED, TIMEOUT, SURVIVED = "does not run", "stopped", "too slow", "survived"
"""What becomes of a mutant; one that is too slow for the tests is stopped."""
_DOES_NOT_RUN = re.compile(
    r"- (\w+\.)*(TypeError|NameError|UnboundLocalError|AttributeError|ImportError|SyntaxError"
    r"|ParserException|BinderException|CatalogException)\b"
)
# Times what the tests take without a mistake, and at least so many seconds.
_PATIENCE, _AT_LEAST = 4, 60


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        module: The module.
        mistake: The mistake.
        end: One of `INVALID`, `STOPPED`, `TIMEOUT`, `SURVIVED`.
        test: The test that stopped it, with its error.
        seconds: How long that took.
    """

    module: str
    mistake: Mistake
    end: str
    test: str
    seconds: float


class Trial:
    """A copy of this checkout, and the tests that are run in it.

    Args:
        folder: An empty folder.

    Attributes:
        failing_before: The tests that fail without any mistake, and so stop nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.failing_before: list[str] = []
        self._folder = folder
        self._copy = copy_of_checkout(folder / "checkout")
        self._green: dict[tuple[str, ...], tuple[list[str], float]] = {}
        for module in GUARDS:
            self._write(module, plain(source_of(module)))
        # The server, the tests and the commands that these start: all import the copy.
        os.environ["PYTHONPATH"] = str(self._copy)
        # All join one server, instead of starting one for each mutant.
        os.environ["PYTEST_XDIST_TESTRUNUID"] = f"{os.getpid()}-{time.time_ns()}"
        forking.expect(forking.ENOUGH_TESTS)

    def verdict(self, module: str, mistake: Mistake) -> Verdict:
        """Runs the tests of a module with a mistake in it."""
        tests, seconds = self._tests(GUARDS[module])
        self._write(module, mistake.text)
        started = time.perf_counter()
        try:
            code, output = self._run(["-x", *tests], max(_AT_LEAST, _PATIENCE * seconds))
        except subprocess.TimeoutExpired:
            code, output = 1, ""
        finally:
            self._write(module, mistake.before)
        failed = re.search(r"^(FAILED|ERROR) .*", output, re.MULTILINE)
        test = failed.group() if failed else ""
        if code == 0:
            end = SURVIVED
        elif not output:
            end = TIMEOUT
        else:
            end = INVALID if _DOES_NOT_RUN.search(test) or not failed else STOPPED
        return Verdict(
            module=module,
            mistake=mistake,
            end=end,
            test=test,
            seconds=time.perf_counter() - started,
        )

    def _tests(self, files: tuple[str, ...]) -> tuple[list[str], float]:
        """Runs tests without a mistake; gives them, the shortest first, and their seconds."""
        if files not in self._green:
            report = self._folder / "report.xml"
            made = [f"--junit-xml={report}", "-o", "junit_family=xunit1"]
            started = time.perf_counter()
            self._run([*made, *files], None)
            seconds = time.perf_counter() - started
            tests: list[str] = []
            for case in sorted(ET.parse(report).iter("testcase"), key=_seconds):
                name = f"{case.attrib['file']}::{case.attrib['name']}"
                failed = case.find("failure") is not None or case.find("error") is not None
                (self.failing_before if failed else tests).append(name)
            assert tests, f"no test of {', '.join(files)} passes"
            self._green[files] = tests, seconds
        return self._green[files]

    def _run(self, arguments: Sequence[str], timeout: float | None) -> tuple[int, str]:
        runner = Path(pytest.__file__).with_name("__main__.py")
        options = ["-n0", "-q", "--tb=no", "-m", "not slow", f"--basetemp={self._folder / 'tests'}"]
        command = [sys.executable, "-P", str(runner), *options, *arguments]
        environment = {**os.environ, "COLUMNS": "300"}
        process = forking.start(command, cwd=self._copy, env=environment)
        output, errors = process.communicate(timeout=timeout)
        assert process.returncode is not None
        return process.returncode, output + errors

    def _write(self, module: str, text: str) -> None:
        file = self._copy / "ingestion" / f"{module}.py"
        file.write_text(text)
        # Two texts of one length in one second would be taken for the same.
        Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)


def _seconds(case: ET.Element) -> float:
    return float(case.attrib["time"])


def source_of(module: str) -> str:
    """The text of a module that guards data."""
    return (PROJECT / "ingestion" / f"{module}.py").read_text()


def drawn(module: str, seed: int) -> Iterator[Mistake]:
    """All mistakes in a module, in a random order, one of each kind by turns."""
    chance = random.Random(seed)
    by_kind: dict[str, list[Mistake]] = {}
    known: set[str] = set()
    for mistake in mistakes(source_of(module)):
        if mistake.text != mistake.before and mistake.text not in known:
            known.add(mistake.text)
            by_kind.setdefault(mistake.kind, []).append(mistake)
    for of_kind in by_kind.values():
        chance.shuffle(of_kind)
    kinds = list(by_kind.values())
    chance.shuffle(kinds)
    return (mistake for mistake in chain(*zip_longest(*kinds)) if mistake)
