"""Where the dbt project is: models, macros, data tests and profiles."""

from __future__ import annotations

import re
import shutil
from importlib import metadata
from pathlib import Path

from ingestion.errors import SettingsError
from ingestion.remedies import command

DISTRIBUTION = "movielens-warehouse"
# What an installed package brings along, and `movielens init` copies; pyproject.toml puts the same
# into the wheel.
PARTS = ("dbt_project.yml", "profiles.yml", "models", "macros", "tests/data", "infra")
FILE = PARTS[0]

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "shipped"
# Further files of a project of one's own: from where, to where.
_TEMPLATE = {
    "Makefile": "Makefile",
    "README.md": "README.md",
    "env.example": ".env.example",
    "gitignore": ".gitignore",
    "requirements.txt": "requirements.txt",
    "workflow.yml": ".github/workflows/movielens.yml",
}


def is_shipped(project: Path) -> bool:
    """Checks whether a project is the installed package's own copy, which no one edits."""
    return project == _SHIPPED


def installed_project() -> Path:
    """Returns the project that belongs to this code: the wheel's copy, or the checkout."""
    return _SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parent


def project_here() -> Path:
    """Returns the project in the current folder if it is one of ours, else the installed one."""
    here = Path.cwd()
    file = here / FILE
    is_ours = file.is_file() and re.search(r"^name: movielens$", file.read_text(), re.MULTILINE)
    return here if is_ours else installed_project()


def check_project(project: Path) -> None:
    """Checks that there are models to build.

    Raises:
        SettingsError: If there are none.
    """
    if not (project / FILE).exists():
        raise SettingsError(
            f"There are no models in {project}",
            f"{command('init')} FOLDER makes a project to edit; run this in it, "
            "or name it with MOVIELENS_PROJECT",
        )


def create_project(folder: Path) -> list[str]:
    """Creates a project of one's own: a copy of the installed one, and what runs it.

    Args:
        folder: Where to; it must be new or empty, except for git's own folder.

    Returns:
        The files and folders in it, as paths in the folder.

    Raises:
        SettingsError: If the folder holds anything, or cannot be written to.
    """
    source, template = installed_project(), _PACKAGE / "template"
    try:
        if folder.is_dir() and any(path.name != ".git" for path in folder.iterdir()):
            raise SettingsError(
                f"{folder} is not empty; nothing was written", "name a new folder, or an empty one"
            )
        for part in PARTS:
            _copy(source / part, folder / part)
        for name, to in _TEMPLATE.items():
            (folder / to).parent.mkdir(parents=True, exist_ok=True)
            text = (template / name).read_text().replace("{version}", version())
            (folder / to).write_text(text)
    except OSError as error:
        raise SettingsError(
            f"The project cannot be created in {folder}: {error.strerror or error}",
            "name a folder in which this user may write",
        ) from None
    return [*PARTS, *_TEMPLATE.values()]


def _copy(source: Path, to: Path) -> None:
    """Copies contents only: what is installed may be read-only, what is edited may not."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, to)
        return
    for path in sorted(source.rglob("*")):
        if path.is_file():
            (to / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to / path.relative_to(source))


def version() -> str:
    """Returns the version of the installed package."""
    return metadata.version(DISTRIBUTION)
