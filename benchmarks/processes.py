"""Measures whole processes: wall time, processor time and peak memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Measured:
    """What one process took.

    Attributes:
        seconds: Wall time from start to end.
        peak_bytes: Largest resident memory.
        busy_cores: Processor time per wall time.
    """

    seconds: float
    peak_bytes: int
    busy_cores: float


def measure(command: Sequence[str], more: Mapping[str, str] | None = None) -> Measured:
    """Runs a command to its end.

    Args:
        command: The program and its arguments.
        more: Additional environment variables.

    Returns:
        What it took.

    Raises:
        RuntimeError: If it fails; includes its output.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile() as printed:
        environment = {**os.environ, **(more or {})}
        process = subprocess.Popen(
            command, stdout=printed, stderr=subprocess.STDOUT, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            printed.seek(0)
            text = printed.read().decode()
            raise RuntimeError(f"{' '.join(command)} exited {process.returncode}:\n{text}")
    cores = (usage.ru_utime + usage.ru_stime) / seconds
    return Measured(seconds, usage.ru_maxrss * 1024, cores)


def line(name: str, runs: Sequence[Measured], reference: Sequence[Measured] | None = None) -> str:
    """Formats the medians of several runs as a table row.

    Args:
        name: What was run.
        runs: What each run took.
        reference: Runs to compare with.

    Returns:
        Name, seconds (median, minimum, maximum), ratio to the reference, busy cores, peak memory.
    """
    seconds = [run.seconds for run in runs]
    middle = median(seconds)
    spread = f"({min(seconds):.2f} to {max(seconds):.2f})"
    ratio = f"{middle / median(run.seconds for run in reference):.2f} x" if reference else ""
    peak = max(run.peak_bytes for run in runs) / 1e6
    cores = median(run.busy_cores for run in runs)
    return (
        f"{name:<46}{middle:>7.2f} s  {spread:<18}{ratio:>8}  {cores:.1f} cores  "
        f"peak {peak:>6,.0f} MB"
    )
