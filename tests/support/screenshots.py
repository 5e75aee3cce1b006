"""Pictures of every page of the dashboard: light and dark, wide and narrow.

Example:
    python -m tests.support.screenshots pictures --film 318
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dashboard.contents import PAGES
from local_dev.servers import free_port, process_on

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROJECT = Path(__file__).resolve().parents[2]
WIDTHS = {"wide": 1440, "narrow": 390}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# True once the page has been as it is for 0.6 seconds: charts get their rows after their frame.
STILL = """() => {
    const size = document.body.innerHTML.length;
    if (size !== window.lastSize) { window.lastSize = size; window.since = performance.now(); }
    return performance.now() - window.since > 600;
}"""
NO_CHROMIUM = "chromium is not installed: apt-get install chromium (or your system's way) adds it"


def pages(film: int | None) -> dict[str, str]:
    """Lists what is photographed.

    Args:
        film: A film whose page is among it, or None.

    Returns:
        File name to address below the root of the dashboard.
    """
    first, *others = PAGES
    listed = {
        first: "",
        **{name: name for name in others},
        "films-as-table": "films?view=Table",
        "compare-genres": "compare?compared=Genres",
        "table": "data?table=mart_movie",
    }
    return listed if film is None else {**listed, "film": f"films?film={film}"}


@contextmanager
def browser() -> Iterator[Browser]:
    """Starts the system's Chromium, without a window.

    Yields:
        The browser.

    Raises:
        FileNotFoundError: If there is no Chromium; says how to install it.
    """
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        raise FileNotFoundError(NO_CHROMIUM)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def served(home: Path, environment: str = "") -> Iterator[str]:
    """Serves the dashboard as a process of its own, on a free port of this machine only.

    Args:
        home: The folder that holds the published marts.
        environment: The environment to preview; empty: the published marts.

    Yields:
        The root of the dashboard, when it answers.

    Raises:
        TimeoutError: If it does not answer within a minute.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(PROJECT / "dashboard" / "server.py")]
    where = ["--server.address", "127.0.0.1", "--server.port", str(port)]
    chosen = {
        "MOVIELENS_HOME": str(home),
        "MOVIELENS_TARGET": "dev",
        "MOVIELENS_ENVIRONMENT": environment,
    }
    with process_on(port, [*command, *where], cwd=PROJECT, env={**os.environ, **chosen}):
        yield f"http://127.0.0.1:{port}"


def wait_until_drawn(page: Page) -> None:
    """Waits until the script has finished, and links, charts and diagrams are there.

    Args:
        page: A page of the dashboard.
    """
    page.wait_for_selector("h1")
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_function(
        "[...document.querySelectorAll('[data-testid=stVegaLiteChart]')]"
        ".every(chart => chart.querySelector('svg, canvas'))"
        " && !document.querySelector('[data-testid=stMermaidChart][aria-busy=true]')"
        " && !document.querySelector('.st-key-links:not(:has(a))')"
    )
    page.wait_for_function(STILL, polling=100)


def photograph(address: str, folder: Path, film: int | None = None) -> list[Path]:
    """Writes one picture for each page, theme and width.

    Args:
        address: Root of the running dashboard.
        folder: Where to; made if need be.
        film: A film whose page is photographed too.

    Returns:
        The pictures, named page-theme-width.png.
    """
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    with browser() as opened:
        for theme in THEMES:
            for width_name, width in WIDTHS.items():
                context = opened.new_context(
                    color_scheme=theme, viewport={"width": width, "height": 900}
                )
                page = context.new_page()
                for name, path in pages(film).items():
                    target = folder / f"{name}-{theme}-{width_name}.png"
                    _photograph_page(page, f"{address.rstrip('/')}/{path}", target, width)
                    taken.append(target)
                context.close()
    return taken


def _photograph_page(page: Page, address: str, target: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    wait_until_drawn(page)
    # Streamlit scrolls inside the window: a picture of all needs a window as high as the page.
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": int(height) + 80})
    wait_until_drawn(page)
    page.screenshot(path=target)


def photograph_for_readme(address: str, target: Path) -> Path:
    """Writes the picture that the README shows: what a visitor sees first.

    Args:
        address: Root of the running dashboard.
        target: The picture.

    Returns:
        The picture.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with browser() as opened:
        page = opened.new_page(color_scheme="light", viewport={"width": 1280, "height": 1000})
        page.goto(address)
        wait_until_drawn(page)
        page.screenshot(path=target)
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    """Takes the pictures.

    Args:
        arguments: Words of the command line; those of the process if not given.

    Returns:
        0, or 1 when nothing is published or there is no browser.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.screenshots", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--film", type=int, help="number of a film whose page is included")
    parser.add_argument("--home", type=Path, default=Path(".movielens"), help="what is shown")
    parser.add_argument("--readme", type=Path, help="where the README's picture goes")
    given = parser.parse_args(arguments)
    if not (given.home / "marts.duckdb").exists():
        sys.stderr.write(f"Nothing is published in {given.home}: movielens demo\n")
        return 1
    try:
        with served(given.home.absolute()) as address:
            taken = photograph(address, given.folder, given.film)
            if given.readme:
                taken.append(photograph_for_readme(address, given.readme))
    except FileNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{picture}\n" for picture in taken)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
