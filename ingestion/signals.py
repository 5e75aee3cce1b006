"""Signals: how a command stops, and how it stops the processes it started."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ingestion.errors import chain

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
PATIENCE_SECONDS = 10


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived; code that unwinds safely on Ctrl-C does so here, too."""


def unwind_when_terminated() -> None:
    """Makes SIGTERM and SIGHUP raise in the main thread, as Ctrl-C does.

    Only the first one: `timeout` sends two in a row, and the second must not interrupt the cleanup
    after the first. Signals that were ignored from the start, as under `nohup`, stay ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    signals = [
        each
        for each in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(each) is not signal.SIG_IGN
    ]

    def terminate(number: int, frame: FrameType | None) -> None:
        for each in signals:
            # Not SIG_IGN, which processes started from here on would inherit.
            signal.signal(each, lambda *_: None)
        raise Terminated

    for each in signals:
        signal.signal(each, terminate)


def interruption(error: BaseException | None) -> BaseException | None:
    """Finds the interrupt that an exception is, or was raised because of.

    DuckDB turns what a signal handler raises during a query into a RuntimeError, and dlt wraps what
    it raises for a signal during a load.

    Returns:
        The KeyboardInterrupt that it came from, or None.
    """
    causes = chain(error) if error is not None else ()
    return next((each for each in causes if isinstance(each, KeyboardInterrupt)), None)


def exit_code_of(interrupted: BaseException) -> int:
    """Returns the exit code of an interrupted command.

    Args:
        interrupted: A KeyboardInterrupt, ours or dlt's, which carries the signal.

    Returns:
        130 after Ctrl-C, 143 after SIGTERM and SIGHUP.
    """
    by_dlt = getattr(interrupted, "signal_code", signal.SIGINT) != signal.SIGINT
    return TERMINATED if by_dlt or isinstance(interrupted, Terminated) else INTERRUPTED


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Runs a process while the block runs, and never leaves it behind.

    A signal that arrives while the process is being started waits until it can be stopped.

    Args:
        command: Its command line.
        **options: Passed to `subprocess.Popen`.
    """
    process, arrived = None, list[int]()
    try:
        with _held_up(arrived):
            process = subprocess.Popen(command, **options)
        for number in arrived:
            signal.raise_signal(number)
        yield process
    finally:
        if process is not None:
            stop(process)


@contextmanager
def _held_up(arrived: list[int]) -> Iterator[None]:
    """Records signals instead of acting on them; those that are ignored stay ignored."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {each: signal.getsignal(each) for each in signals}
    acting = {each: how for each, how in before.items() if how is not signal.SIG_IGN}
    for each in acting:
        signal.signal(each, lambda number, frame: arrived.append(number))
    try:
        yield
    finally:
        for each, how in acting.items():
            signal.signal(each, how)


def stop(process: subprocess.Popen[Any]) -> None:
    """Stops a child process, gently at first, and waits until it is gone and its port is free."""
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
