"""How soon a visitor sees the last chart: new process, new browser profile, or both warm.

    python -m benchmarks.dashboard_browser --home .movielens

Measured from the start of navigation until the last chart is in the page. Browser and server share
a machine, so the figures are pessimistic. Exits with 1 if the goal for a new profile on a warm
server was missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, BrowserContext

from tests.support import screenshots

GOAL_SECONDS = 3.0
LAST_CHART = """
    window.lastChart = 0;
    let drawn = 0;
    new MutationObserver(() => {
        const now = document.querySelectorAll('[data-testid=stVegaLiteChart] svg').length;
        if (now > drawn) window.lastChart = performance.now();
        drawn = now;
    }).observe(document, {childList: true, subtree: true});
"""


def seconds_to_last_chart(context: BrowserContext, address: str) -> float:
    """Opens Overview once; returns seconds until its last chart is drawn."""
    page = context.new_page()
    page.add_init_script(LAST_CHART)
    page.goto(address)
    screenshots.wait_until_drawn(page)
    seconds = float(page.evaluate("window.lastChart")) / 1000
    page.close()
    return seconds


def with_new_profile(opened: Browser, address: str) -> float:
    """Opens Overview in a fresh profile; returns seconds until its last chart is drawn."""
    context = opened.new_context(viewport={"width": 1280, "height": 900})
    try:
        return seconds_to_last_chart(context, address)
    finally:
        context.close()


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".movielens"))
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if not (given.home / "marts.duckdb").exists():
        sys.exit(f"Nothing is published in {given.home}; run: movielens demo")
    with screenshots.browser() as opened:
        cold = []
        for _ in range(given.rounds):
            with screenshots.served(given.home.absolute()) as address:
                cold.append(with_new_profile(opened, address))
        with screenshots.served(given.home.absolute()) as address:
            with_new_profile(opened, address)
            fresh = [with_new_profile(opened, address) for _ in range(given.rounds)]
            context = opened.new_context(viewport={"width": 1280, "height": 900})
            seconds_to_last_chart(context, address)
            warm = [seconds_to_last_chart(context, address) for _ in range(given.rounds)]
    print(f"| last chart of Overview, median of {given.rounds} | s |\n|---|---|")
    print(f"| new process, new profile | {median(cold):.2f} |")
    print(f"| warm server, new profile | {median(fresh):.2f} |")
    print(f"| warm server, warm profile | {median(warm):.2f} |")
    sys.exit(median(fresh) > GOAL_SECONDS)


if __name__ == "__main__":
    main()
