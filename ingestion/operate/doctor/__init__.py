"""`doctor`: checks everything a run needs, and says how to fix what is missing.

Every check runs even if an earlier one failed, unless it needs what that one did not find.
Privileges are checked by using them; whatever that creates is removed again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ingestion.engine import engine_of
from ingestion.operate.doctor import landing_zone, machine, release
from ingestion.operate.doctor.findings import Check, Finding, problem
from ingestion.operate.doctor.release import REFUSED
from ingestion.settings import Settings


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        findings: One or more for each check, in the order of a run.
        seconds: Wall time.
    """

    findings: list[Finding]
    seconds: float

    @property
    def exit_code(self) -> int:
        """0; 1 if anything would stop a run or expose too much; else 4 for refusals.

        A refused file does not stop a run: the others load.
        """
        problems = {finding.code for finding in self.findings if finding.status == "problem"}
        if problems == {REFUSED}:
            return 4
        return int(bool(problems))


def diagnose(settings: Settings) -> Diagnosis:
    """Checks settings, credentials, connections, privileges and versions.

    Returns:
        What was found; problems are reported, not raised.
    """
    started = time.perf_counter()
    own = engine_of(settings).checks()
    checks = [*machine.CHECKS, *landing_zone.CHECKS, *release.CHECKS, *own]
    findings = [finding for check in checks for finding in _made(check, settings)]
    return Diagnosis(findings, time.perf_counter() - started)


def _made(check: Check, settings: Settings) -> Iterator[Finding]:
    name = check.__name__.strip("_").replace("_", " ")
    try:
        yield from check(settings)
    except Exception as error:  # an unforeseen failure is a finding, too
        yield problem(
            name,
            "check-failed",
            f"the check itself failed: {type(error).__name__}: {error}".splitlines()[0],
            "movielens doctor --debug shows where; please report it",
        )
