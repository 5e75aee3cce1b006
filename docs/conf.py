"""How Sphinx builds the site: `make docs`.

Sphinx, Furo and MyST because all three are maintained, under BSD and MIT licences, read Markdown as
GitHub shows it, and make pages that fetch nothing from elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "MovieLens Warehouse"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["reference/whole"]
# dbt's own documentation, one file; `tests.support.site_pages` makes it and all of reference/.
html_extra_path = ["reference/whole"]

# So that links to a heading can be checked.
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_use_ivar = True

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_favicon = "static/icon.svg"
# `--json` is two hyphens, and what docstrings quote is code.
smartquotes = False
default_role = "literal"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
# The dashboard's colours: .streamlit/config.toml.
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#00608f",
        "color-brand-content": "#00608f",
        "color-background-primary": "#fdfcf9",
        "color-background-secondary": "#f3f1eb",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7cc0ea",
        "color-brand-content": "#8ccaf0",
        "color-background-primary": "#191816",
        "color-background-secondary": "#262421",
    },
}

# What a page of docs/ links to outside of it, and where the site has it.
ELSEWHERE = {
    "(../CHANGELOG.md)": "(reference/changelog.md)",
    "(../local_dev/README.md)": "(reference/stand-ins.md)",
}


def _on_the_site(_: Sphinx, __: str, source: list[str]) -> None:
    for link, page in ELSEWHERE.items():
        source[0] = source[0].replace(link, page)


def _examples_are_code(_: Sphinx, __: object, lines: list[str]) -> None:
    """Sets the examples of a command's help apart from what they do."""
    for number, line in enumerate(lines):
        lines[number] = re.sub(
            r"^(\|?\s*(?:Example: )?)((?:MOVIELENS_\S+ )?movielens .+?)(?:\s{2,}(.+))?$",
            lambda found: f"{found[1]}``{found[2]}``" + (f": {found[3]}" if found[3] else ""),
            line,
        )


def setup(app: Sphinx) -> None:
    """Registers what changes the pages as they are read."""
    app.connect("sphinx-click-process-description", _examples_are_code)
    app.connect("source-read", _on_the_site)
