"""How the releases without CSV files write their rows, and where such files are recognised.

Facts come from the READMEs of ml-100k, ml-1m, ml-10m and the tag genome of 2012
(https://grouplens.org/datasets/movielens/, https://files.grouplens.org/datasets/tag-genome/). None
of these files has a header or quotes: a line is a row, and each separator ends a field.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from ingestion.datasets import EVERY_DATASET, Dataset

# The fields of u.item after its address. Its README calls the first one "unknown"; CSV releases
# write that in the words below.
_GENRES = (
    "(no genres listed)",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
_TAG_GENOME = "tag-genome"


@dataclass(frozen=True)
class Layout:
    """How one file of such a release writes the rows of a dataset.

    Attributes:
        file_name: The file's name.
        table: The RAW table of the rows.
        separator: What separates its fields.
        fields: For each field, the column of the dataset that it fills (its name in a CSV header);
            None if it fills none.
        flags: Genres, each with one more field, which is 1 if the film is of that genre, else 0.
        folder: What the name of its folder begins with, where other files have the same name.
        part: What is added to the file's path, for the second dataset that it has rows of.
    """

    file_name: str
    table: str
    separator: str
    fields: tuple[str | None, ...]
    flags: tuple[str, ...] = ()
    folder: str = ""
    part: str = ""

    @property
    def width(self) -> int:
        """Number of fields in a line."""
        return len(self.fields) + len(self.flags)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it fills, by their names in a CSV header."""
        named = tuple(name for name in self.fields if name)
        return (*named, "genres") if self.flags else named

    @property
    def dataset(self) -> Dataset:
        """The dataset that it has rows of."""
        return EVERY_DATASET[self.table]


_RATINGS = ("userId", "movieId", "rating", "timestamp")
_NOT_FLAGS = ("movieId", "title", None, None, None)
_DETAILS = ("movieId", None, "releaseDate", "videoReleaseDate", "imdbUrl")

LAYOUTS = (
    Layout("u.data", "ratings", "\t", _RATINGS),
    Layout("u.item", "movies", "|", _NOT_FLAGS, _GENRES),
    Layout("u.item", "movie_details", "|", (*_DETAILS, *(None for _ in _GENRES)), part="#details"),
    Layout("u.user", "users", "|", ("userId", "age", "gender", "occupation", "zipCode")),
    Layout("tag_relevance.dat", "genome_scores", "\t", ("movieId", "tagId", "relevance")),
    Layout("tags.dat", "genome_tags", "\t", ("tagId", "tag", None), folder=_TAG_GENOME),
    Layout(
        "tags.dat",
        "tag_popularity",
        "\t",
        ("tagId", None, "popularity"),
        folder=_TAG_GENOME,
        part="#popularity",
    ),
    Layout(
        "movies.dat",
        "movie_popularity",
        "\t",
        ("movieId", None, "popularity"),
        folder=_TAG_GENOME,
    ),
    Layout("ratings.dat", "ratings", "::", _RATINGS),
    Layout("movies.dat", "movies", "::", ("movieId", "title", "genres")),
    Layout("tags.dat", "tags", "::", ("userId", "movieId", "tag", "timestamp")),
    Layout("users.dat", "users", "::", ("userId", "gender", "age", "occupation", "zipCode")),
)


def layouts_of(path: PurePosixPath, within: str = "") -> tuple[Layout, ...]:
    """Finds the layouts of a file, by its name and its folder.

    Args:
        path: Its path, without the suffix of an archive.
        within: Name of the folder that the path begins in.

    Returns:
        One for each dataset that it has rows of; none for any other file.
    """
    named = [layout for layout in LAYOUTS if layout.file_name == path.name.lower()]
    if not named:
        return ()
    folders = [part.lower().replace("_", "-") for part in (within, *path.parts[:-1])]

    def is_in(layout: Layout) -> bool:
        return any(folder.startswith(layout.folder) for folder in folders)

    return tuple(
        [layout for layout in named if layout.folder and is_in(layout)]
        or [layout for layout in named if not layout.folder]
    )


def left_out(layout: Layout) -> str:
    """Says, as advice, what a file holds that no model has a place for, and how to load it."""
    key = layout.dataset.columns[0].source_name
    what = ", ".join(name for name in layout.columns if name != key)
    return (
        f"holds what no model reads ({what}); MOVIELENS_LOAD_UNMODELLED=true loads it into "
        f"raw.{layout.table}"
    )
