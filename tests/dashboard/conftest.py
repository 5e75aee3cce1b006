"""Published marts and a running page for the tests of the dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from dashboard import marts
from dashboard.settings import settings
from tests.support import marts_fixture

APP = str(marts_fixture.PROJECT / "dashboard" / "app.py")


@pytest.fixture(scope="session", autouse=True)
def looks_for_components_once() -> Iterator[None]:
    """A run of a page has Streamlit read through all installed packages: most of its time."""
    with pytest.MonkeyPatch.context() as patch:
        scan = manifest_scanner.scan_component_manifests
        patch.setattr(manifest_scanner, scan.__name__, cache(scan))
        yield


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the tiny marts, shared by tests that only read."""
    return marts_fixture.write_marts(tmp_path_factory.mktemp("published")).parent


@pytest.fixture(scope="session")
def generated_without_genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose marts say that they are generated and have no genome."""
    build = marts_fixture.Build(edition="generated", is_generated=True, genome=False)
    return marts_fixture.write_marts(tmp_path_factory.mktemp("generated"), build).parent


@pytest.fixture
def use_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Points the dashboard of this process at a home, or at one of its environments."""

    def use(home: Path, environment: str = "") -> None:
        monkeypatch.setenv("MOVIELENS_HOME", str(home))
        monkeypatch.setenv("MOVIELENS_ENVIRONMENT", environment)
        monkeypatch.delenv("MOVIELENS_TARGET", raising=False)
        settings.cache_clear()

    yield use
    settings.cache_clear()


@pytest.fixture
def fresh_caches() -> None:
    """Clears caches, as in a fresh process."""
    marts._engine.cache_clear()
    marts._kept.clear()
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def pinned(published: Path, use_home: Callable[[Path], None]) -> None:
    """The tiny marts, pinned for reading with marts.rows."""
    use_home(published)
    marts.pin()


@pytest.fixture
def open_page(use_home: Callable[..., None]) -> Callable[..., AppTest]:
    """Runs one page of the app on a home or one of its environments, with query parameters."""

    def run(
        home: Path, page: str = "overview", environment: str = "", **query: str | list[str]
    ) -> AppTest:
        use_home(home, environment)
        app = AppTest.from_file(APP, default_timeout=30)
        if page != "overview":
            app.switch_page(f"app_pages/{page}.py")
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return run
