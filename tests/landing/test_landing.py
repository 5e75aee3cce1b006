"""Which files of a landing zone are read, as what, and in which version."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import fsspec
import pytest

from ingestion.errors import SourceError
from ingestion.landing.listing import LandingZone, list_landing_zone, listed_version
from ingestion.landing.lookalikes import lookalike
from ingestion.landing.names import classify
from ingestion.raw.manifest import CurrentFile, compare


def put(folder: Path, *paths: str) -> LandingZone:
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("movieId,title,genres\n")
    return list_landing_zone(str(folder))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ratings.csv", ("ratings", None)),
        ("ratings-2024-01.csv.gz", ("ratings", "gzip")),
        ("RATINGS.CSV", ("ratings", None)),
        ("Ratings.Csv.GZ", ("ratings", "gzip")),
        ("ratings_2.csv.bz2", ("ratings", "bz2")),
        ("ratings2.csv.zst", ("ratings", "zstd")),
        ("ratings.zip", ("ratings", "zip")),
        ("ratings.csv.zip", ("ratings", "zip")),
        ("genome-scores.csv", ("genome_scores", None)),
        ("genome_tags.csv", ("genome_tags", None)),
        ("ratings/part-0001.csv", ("ratings", None)),
        ("a/b/Genome_Scores/c/d.csv.gz", ("genome_scores", "gzip")),
        ("ratings/tags.csv", ("tags", None)),
        ("ratings.csv/part-00000-c0ffee-c000.csv", ("ratings", None)),
        ("Genome_Scores.CSV/part-00000.csv.gz", ("genome_scores", "gzip")),
        ("ratings.csv/_SUCCESS", None),
        ("ratings.csv/.part-00000.csv.crc", None),
        ("ratings/movies/part.csv", ("movies", None)),
        ("deep/down/links.csv", ("links", None)),
        ("my files/ratings (copy) #1.csv", ("ratings", None)),
        ("ratings%20a.csv", ("ratings", None)),
        ("ratings[1].csv", ("ratings", None)),
        ("ratings-ñ.csv", ("ratings", None)),
        ("README.txt", None),
        ("ratings.txt", None),
        ("ratings.csv.bak", None),
        ("ratingsheet.csv", None),
        ("my-ratings.csv", None),
        (".ratings.csv", None),
        (".git/ratings.csv", None),
        ("ratings.csv.gz.part", None),
        ("part-0001.csv", None),
        ("ratings.gz", None),
        ("ratings", None),
        (".csv", None),
    ],
)
def test_dataset_and_compression(path: str, expected: tuple[str, str | None] | None) -> None:
    found = classify(path)
    assert (found and found[:2]) == expected
    assert found is None or found.layout is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("u.data", ("ratings", None)),
        ("ml-100k/U.ITEM.gz", ("movies", "gzip")),
        ("ml-1m/ratings.dat", ("ratings", None)),
        ("ml-10M100K/tags.dat.zip", ("tags", "zip")),
        ("tag-genome/tags.dat", ("genome_tags", None)),
        ("Tag_Genome_2012/deep/tag_relevance.dat", ("genome_scores", None)),
        ("tag-genome/movies.dat", None),
        ("ml-1m/users.dat", None),
        ("u.user", None),
        ("u1.base", None),
        ("u.data.txt", None),
        (".u.data", None),
        ("__MACOSX/ratings.dat", None),
        ("ratings-2.dat", None),
    ],
)
def test_files_of_releases_without_csv(path: str, expected: tuple[str, str | None] | None) -> None:
    found = classify(path)
    assert (found and found[:2]) == expected
    assert found is None or found.layout is not None


def test_every_name_is_read_or_ignored_by_name(tmp_path: Path) -> None:
    names = ["a b/movies #1%20[1].csv", "movies?*.CSV", "movies-ñ風.csv", "x/movies'\".csv"]
    others = [".hidden/movies.csv", ".movies.csv", "README.txt", "a b/notes.csv"]
    zone = put(tmp_path, *names, *others)
    assert sorted(zone.files) == sorted(names)
    assert zone.ignored == sorted(others)
    assert zone.url == f"file://{tmp_path}"


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("ratings.feather", "save its rows as ratings.csv"),
        ("ratings.pq", "save its rows as ratings.csv"),
        ("my-ratings.parquet", "as in ratings.parquet"),
        ("my-ratings.tsv.gz", "as in ratings.tsv.gz"),
        ("Genome_Scores.JSON", "save its rows as genome-scores.csv"),
        ("ratings.orc/part-00000.orc", "save its rows as ratings.csv"),
        ("ratings/part-00000.avro", "save its rows as ratings.csv"),
        ("ratings/part-00000", "as in part-00000.csv"),
        ("tags.xlsx", "save its rows as tags.csv"),
        ("ratings.txt", "save its rows as ratings.csv"),
        ("ratings.gz", "pack it as ratings.csv.gz"),
        ("ratings.csv.xz", "pack it as ratings.csv.gz"),
        ("movies.csv.tar.gz", "pack it as movies.csv.gz"),
        ("my-ratings.csv", "begins with ratings"),
        ("rating.csv", "begins with ratings"),
        ("movie.csv.gz", "begins with movies"),
        ("ratings", "its name is ratings.csv"),
        ("ml-20m-youtube.zip", "holds no MovieLens file"),
        ("old/ML-25m.7z", "unpack it"),
        ("ml-20m-youtube.tar.gz", "unpack it"),
    ],
)
def test_what_looks_like_movielens_data_comes_with_advice(path: str, advice: str) -> None:
    assert classify(path) is None
    found = lookalike(path)
    assert found is not None and found.path == path
    assert advice in found.advice


@pytest.mark.parametrize(
    "path",
    [
        "README.txt",
        "sales.csv",
        "part-0001.csv",
        "ratingsheet.csv",
        "stags.parquet",
        "ratings.csv.bak",
        "ratings.csv/_SUCCESS",
        "ratings.csv/.part-00000.csv.crc",
        "ratings.parquet/_committed_1234",
        "ratings.parquet/_metadata",
        ".git/ratings.parquet",
        "__MACOSX/ratings.parquet",
        "movielens.json",
        "mymovies/notes.txt",
    ],
)
def test_what_does_not_look_like_it_has_none(path: str) -> None:
    assert lookalike(path) is None


def test_a_zone_names_what_it_does_not_read(tmp_path: Path) -> None:
    (tmp_path / "links.csv").symlink_to(tmp_path / "nowhere")
    zone = put(tmp_path, "movies.csv", "ratings.orc", "notes.md")
    assert zone.ignored == ["links.csv", "notes.md", "ratings.orc"]
    assert [each.path for each in zone.unread] == ["links.csv", "ratings.orc"]


def test_a_folder_with_nothing_but_lookalikes_says_what_to_do(tmp_path: Path) -> None:
    parts = [f"ratings/part-{number}.orc" for number in range(5)]
    with pytest.raises(SourceError, match=r"\(other files: 6\)") as raised:
        put(tmp_path, "ml-25m.tar.gz", *parts)
    assert "\n  ml-25m.tar.gz is a whole release in an unsupported" in str(raised.value)
    assert "part-2.orc and 2 more: each is not CSV, TSV or" in str(raised.value)


def test_the_folder_may_have_any_name(tmp_path: Path) -> None:
    zone = put(tmp_path / "my data #1 [x] %20 ñ", "movies.csv")
    assert list(zone.files) == ["movies.csv"]
    assert zone.edition == "my data #1 [x] %20 ñ"


def test_a_trailing_slash_and_a_url_are_the_same_zone(tmp_path: Path) -> None:
    zone = put(tmp_path, "movies.csv")
    for spelling in (f"{tmp_path}/", f"file://{tmp_path}"):
        again = list_landing_zone(spelling)
        assert (again.url, again.files) == (zone.url, zone.files)


@pytest.mark.parametrize(
    ("marker", "edition"),
    [
        ({"edition": "generated", "seed": 1}, "generated"),
        ({"name": "x"}, "ml-test"),
        ([], "ml-test"),
    ],
)
def test_the_marker_names_the_edition(tmp_path: Path, marker: object, edition: str) -> None:
    folder = tmp_path / "ml-test"
    folder.mkdir()
    (folder / "movielens.json").write_text(json.dumps(marker))
    zone = put(folder, "movies.csv")
    assert (zone.edition, zone.ignored) == (edition, [])


def test_a_marker_that_is_no_json_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "movielens.json").write_bytes(b"\xff{")
    assert put(tmp_path, "movies.csv").edition == tmp_path.name


def test_the_version_changes_with_size_and_time_and_with_nothing_else(tmp_path: Path) -> None:
    first = put(tmp_path, "movies.csv").files["movies.csv"]
    assert list_landing_zone(str(tmp_path)).files["movies.csv"] == first
    file = tmp_path / "movies.csv"
    times = file.stat()
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns - 3_600_000_000_000))
    older = list_landing_zone(str(tmp_path)).files["movies.csv"]
    file.write_text("movieId,title,genres\n1,a,b\n")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    longer = list_landing_zone(str(tmp_path)).files["movies.csv"]
    assert len({first.version, older.version, longer.version}) == 3
    shutil.copy2(file, tmp_path / "copy")
    assert listed_version(fsspec.filesystem("file"), str(file)) == longer.version


def test_a_symbolic_link_counts_as_what_it_points_to(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.csv"
    target.write_text("movieId,title,genres\n")
    zone_folder = tmp_path / "zone"
    zone_folder.mkdir()
    (zone_folder / "movies.csv").symlink_to(target)
    (zone_folder / "tags.csv").symlink_to(tmp_path / "nowhere")
    (zone_folder / "links.csv").symlink_to(tmp_path)
    zone = list_landing_zone(str(zone_folder))
    assert list(zone.files) == ["movies.csv"]
    assert zone.ignored == ["links.csv", "tags.csv"]
    file = zone.files["movies.csv"]
    assert file.version == listed_version(zone.fs, file.key)
    target.write_text("movieId,title,genres\n1,a,b\n")
    assert listed_version(zone.fs, file.key) != file.version


def test_what_is_no_file_is_ignored(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ratings.csv")
    (tmp_path / "tags.csv").mkdir()
    zone = put(tmp_path, "movies.csv")
    assert (list(zone.files), zone.ignored) == (["movies.csv"], ["ratings.csv"])


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist") as raised:
        list_landing_zone(str(tmp_path / "nowhere"))
    assert "MOVIELENS_SOURCE" in raised.value.remedy


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    put(tmp_path, "movies.csv")
    with pytest.raises(SourceError, match="is a file, not a folder"):
        list_landing_zone(str(tmp_path / "movies.csv"))


def test_a_folder_without_movielens_files(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no MovieLens file \(other files: 2\)") as raised:
        put(tmp_path, "README.txt", "sales.csv")
    assert "genome-scores.csv" in raised.value.remedy


def test_a_protocol_that_nobody_knows() -> None:
    with pytest.raises(SourceError, match="gopher"):
        list_landing_zone("gopher://host/path")


def test_a_landing_zone_in_memory() -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe("/listed/deep/movies.csv", b"movieId,title,genres\n")
    zone = list_landing_zone("memory://listed")
    assert [(f.path, f.bytes) for f in zone.files.values()] == [("deep/movies.csv", 21)]
    before = zone.files["deep/movies.csv"].version
    fs.pipe("/listed/deep/movies.csv", b"movieId,title,genreS\n")
    assert list_landing_zone("memory://listed").files["deep/movies.csv"].version != before
    fs.rm("/listed", recursive=True)


def test_files_are_read_in_the_order_of_their_times(tmp_path: Path) -> None:
    for path, seconds in {"tags.csv": 20, "ratings-b.csv": 10, "movies.csv": 30}.items():
        put(tmp_path, path)
        os.utime(tmp_path / path, (seconds, seconds))
    shutil.copy2(tmp_path / "ratings-b.csv", tmp_path / "ratings-a.csv")
    zone = list_landing_zone(str(tmp_path))
    known = CurrentFile("tags.csv", "tags", "an older one", "", zone.url, 0, 0, 1)
    to_read = compare(zone, {"tags.csv": known}).to_read
    assert [(file.path, file.modified) for file in to_read] == [
        ("ratings-a.csv", 10),
        ("ratings-b.csv", 10),
        ("tags.csv", 20),
        ("movies.csv", 30),
    ]


def test_a_store_may_give_the_time_of_a_file_as_a_date() -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe("/timed/movies.csv", b"movieId,title,genres\n")
    listed = list_landing_zone("memory://timed").files["movies.csv"]
    assert listed.modified == fs.info("/timed/movies.csv")["created"].timestamp()
    fs.rm("/timed", recursive=True)
