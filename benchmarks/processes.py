"""Whole processes, measured: wall time and peak memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Measured:
    """What one process took.

    Attributes:
        seconds: Wall time from start to end.
        peak_bytes: Largest resident memory.
    """

    seconds: float
    peak_bytes: int


def measure(command: Sequence[str]) -> Measured:
    """Runs a command to its end.

    Args:
        command: The program and its arguments.

    Returns:
        What it took.

    Raises:
        RuntimeError: If it fails; with what it printed.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            printed.seek(0)
            text = printed.read().decode()
            raise RuntimeError(f"{' '.join(command)} exited {process.returncode}:\n{text}")
    return Measured(seconds, usage.ru_maxrss * 1024)


def line(name: str, runs: Sequence[Measured], reference: Sequence[Measured] | None = None) -> str:
    """Writes the medians of several runs as one row of a table.

    Args:
        name: What was run.
        runs: What each run took.
        reference: Runs to compare with.

    Returns:
        Name, seconds (median, least and most), ratio to the reference, peak memory in MB.
    """
    seconds = [run.seconds for run in runs]
    middle = median(seconds)
    spread = f"({min(seconds):.2f} to {max(seconds):.2f})"
    ratio = f"{middle / median(run.seconds for run in reference):.2f} x" if reference else ""
    peak = max(run.peak_bytes for run in runs) / 1e6
    return f"{name:<44}{middle:>7.2f} s  {spread:<18}{ratio:>8}  peak {peak:>6,.0f} MB"
