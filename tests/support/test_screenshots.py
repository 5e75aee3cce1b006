"""Pictures are of what is published, never of a page that says nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import screenshots


def test_nothing_published_is_not_photographed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "readme.png"
    given = [str(tmp_path / "shots"), "--home", str(tmp_path), "--readme", str(readme)]
    assert screenshots.main(given) == 1
    assert "movielens demo" in capsys.readouterr().err
    assert not readme.exists()
