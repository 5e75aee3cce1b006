"""Each release without CSV files gives the RAW that the same rows give as CSV."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ingestion import LoadReport, load
from ingestion.landing.layouts import LAYOUTS
from ingestion.landing.listing import list_landing_zone
from ingestion.plan.files import plan_files
from ingestion.raw.manifest import current_files
from ingestion.raw.plan import LoadRequest, plan_load
from ingestion.reading.rules import Rules
from ingestion.reading.translation import Translation
from ingestion.settings import Settings
from local_dev.generate import generate
from tests.support.cli import Cli
from tests.support.landing_zone import query, rows_that_count
from tests.support.marks import slow_except
from tests.support.one_file import Reader
from tests.support.releases import RELEASES, as_it_was, packed, rows_of, unpacked
from tests.support.table_hash import digests

OF_A_RUN = {
    f"main.mart_{name}" for name in ("dataset_status", "quality", "source_file", "release_check")
}
DATASETS = {
    "ml-100k": {"u.item": "movies", "u.data": "ratings"},
    "ml-1m": {"movies.dat": "movies", "ratings.dat": "ratings"},
    "ml-10m": {"movies.dat": "movies", "ratings.dat": "ratings", "tags.dat": "tags"},
    "tag-genome": {"tag_relevance.dat": "genome_scores", "tags.dat": "genome_tags"},
}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "zone"
    generate(folder, ratings=2_000, seed=7)
    return folder


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def loaded(source: Path, home: Path, **more: object) -> tuple[LoadReport, Settings]:
    settings = Settings(home=home, source=str(source), _env_file=None, **more)  # type: ignore[arg-type]
    report = load(settings=settings)
    assert report.exit_code == 0, report
    return report, settings


def raw(settings: Settings) -> dict[str, object]:
    """A hash of each RAW table, provenance apart."""
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        found = digests(connection, "raw", left_out=("_file_id",))
    return {name: hashed for name, hashed in found.items() if not name.startswith("raw._")}


@pytest.fixture(params=slow_except("zip", ["folder", "zip", "zip in a folder"]))
def both(
    generated: Path, release: str, tmp_path: Path, request: pytest.FixtureRequest
) -> tuple[LoadReport, Settings, Settings]:
    """A load of a release, and of the same rows as CSV."""
    rows = as_it_was(release, generated, tmp_path / "csv")
    source = unpacked(release, rows, tmp_path / "unpacked")
    if request.param != "folder":
        source = packed(source, tmp_path / "packed" / f"{release}.zip")
    if request.param == "zip in a folder":
        source = source.parent
    report, settings = loaded(source, tmp_path / "of_release")
    return report, settings, loaded(rows, tmp_path / "of_csv")[1]


def test_raw_is_that_of_the_same_rows_as_csv(
    both: tuple[LoadReport, Settings, Settings], release: str, tmp_path: Path
) -> None:
    report, settings, of_csv = both
    assert raw(settings) == raw(of_csv)
    assert {Path(f.path).name: f.dataset for f in report.files} == DATASETS[release]
    folder = tmp_path / "unpacked" / RELEASES[release][0]
    for file in report.files:
        assert file.rejected == 0
        assert file.rows == (folder / Path(file.path).name).read_bytes().count(b"\n") > 0
    again = load(settings=settings)
    assert (again.load_id, {file.status for file in again.files}) == (None, {"unchanged"})


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_plan_tells_the_rows(
    generated: Path, release: str, tmp_path: Path, settings: Settings, as_zip: bool
) -> None:
    rows = as_it_was(release, generated, tmp_path / "csv")
    folder = unpacked(release, rows, tmp_path / "zone")
    source = packed(folder, tmp_path / f"{release}.zip") if as_zip else folder
    report, _ = loaded(source, tmp_path / "home")
    zone = list_landing_zone(str(source))
    from ingestion.engine import engine_of

    plan = plan_load(engine_of(settings).warehouse(), LoadRequest(None, Rules()), zone, {})
    planned = {file.path: (file.change, file.rows) for file in plan_files(plan, Rules())}
    assert planned == {file.path: ("new", file.rows) for file in report.files}


def test_what_no_model_reads_is_said_and_loaded_only_if_asked_for(
    generated: Path, release: str, tmp_path: Path
) -> None:
    rows = as_it_was(release, generated, tmp_path / "csv")
    source = unpacked(release, rows, tmp_path / "zone")
    report, settings = loaded(source, tmp_path / "home")
    left_out = {one.path: one.advice.split(";")[0] for one in report.unread}
    of = "holds what no model reads"
    assert left_out == {
        "ml-100k": {
            "u.item#details": f"{of} (releaseDate, videoReleaseDate, imdbUrl)",
            "u.user": f"{of} (age, gender, occupation, zipCode)",
        },
        "ml-1m": {"users.dat": f"{of} (gender, age, occupation, zipCode)"},
        "ml-10m": {},
        "tag-genome": {
            "movies.dat": f"{of} (popularity)",
            "tags.dat#popularity": f"{of} (popularity)",
        },
    }.get(release)
    before = raw(settings)
    everything, _ = loaded(source, tmp_path / "home", load_unmodelled=True)
    assert {file.path for file in everything.of_status("loaded")} == left_out.keys()
    assert everything.unread == []
    after = raw(settings)
    assert {name: after[name] for name in before} == before
    of_users = "select user_id, gender, age, occupation, zip_code from raw.users order by 1"
    if release == "ml-100k":
        assert query(settings.warehouse_file, of_users) == [
            (1, "M", 24, "technician", "85711"),
            (2, "F", 53, "other", "94043"),
        ]
        films = rows_of(tmp_path / "csv" / "movies.csv")
        assert rows_that_count(settings.warehouse_file, "movie_details") == sorted(
            (
                (int(id_), "01-Jan-1995", None, f"http://us.imdb.com/M/title-exact?{id_}")
                for id_ in (film["movieId"] for film in films)
            ),
            key=repr,
        )
    if release == "ml-1m":
        assert query(settings.warehouse_file, of_users) == [
            (1, "F", 1, "10", "48067"),
            (2, "M", 56, "16", "70072"),
        ]
    if release == "tag-genome":
        assert rows_that_count(settings.warehouse_file, "movie_popularity") == [(1, 20000)]
    assert load(settings=settings.model_copy(update={"load_unmodelled": True})).load_id is None
    # Switched off again, it is left out, not gone, even where what is gone is to be removed.
    off = load(settings=settings, remove_missing=True)
    told = {file.path: (file.status, file.reason) for file in off.files}
    assert off.load_id is None
    assert {path: told[path] for path in left_out} == dict.fromkeys(
        left_out, ("left out", "MOVIELENS_LOAD_UNMODELLED is off")
    )
    assert raw(settings) == after
    from ingestion.engine import engine_of

    target = engine_of(settings).warehouse()
    zone = list_landing_zone(str(source))
    plan = plan_load(target, LoadRequest(None, Rules()), zone, current_files(target))
    changes = {file.path: file.change for file in plan_files(plan, Rules())}
    assert changes == {path: status for path, (status, _) in told.items()}
    # What is gone is gone, whether or not it would be read if it were there.
    lost = sorted(path for path in left_out if (source / path).is_file())
    for path in lost:
        (source / path).unlink()
    gone = load(settings=settings, remove_missing=True)
    assert sorted(file.path for file in gone.of_status("removed")) == lost


def test_a_table_that_no_model_reads_is_not_there_until_asked_for(
    generated: Path, tmp_path: Path
) -> None:
    rows = as_it_was("ml-1m", generated, tmp_path / "csv")
    _, settings = loaded(unpacked("ml-1m", rows, tmp_path / "zone"), tmp_path / "home")
    assert "raw.users" not in raw(settings)


@pytest.mark.slow
@pytest.mark.parametrize("release", ["ml-100k", "ml-1m", "ml-10m"])
def test_marts_are_those_of_the_same_rows_as_csv(
    cli: Cli, generated: Path, tmp_path: Path, release: str
) -> None:
    """Apart from what says where the data comes from, and how the build went."""
    rows = as_it_was(release, generated, tmp_path / "csv")
    zone = packed(unpacked(release, rows, tmp_path / "unpacked"), tmp_path / f"{release}.zip")
    env = {"MOVIELENS_LOAD_UNMODELLED": "true"}
    published = []
    for source in (zone, rows):
        home = tmp_path / source.stem
        cli.json("run", "--source", source, "--home", home, env=env)
        with duckdb.connect(str(home / "marts.duckdb"), read_only=True) as marts:
            published.append(digests(marts, "main"))
    of_release, of_csv = ({k: v for k, v in one.items() if k not in OF_A_RUN} for one in published)
    assert of_release == of_csv
    assert len(of_csv) > 15


# Bad lines and files

FILM = "1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/1|0|0|0|1|1|1" + "|0" * 13
AFTER = (
    "2|GoldenEye (1995)|01-Jan-1995||http://us.imdb.com/M/2|0|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0|1|0|0"
)
FILMS = [
    (1, "Toy Story (1995)", "Animation|Children's|Comedy"),
    (2, "GoldenEye (1995)", "Action|Adventure|Thriller"),
]
RATING, RATED = "1::2::3::978300760", (1, 2, 3.0, 978300760)


@pytest.mark.parametrize(
    ("name", "line", "column", "reason"),
    [
        ("ratings.dat", "1::2::3", None, "3 fields; expected 4"),
        ("ratings.dat", "1::2::3::978300760::5", None, "5 fields; expected 4"),
        ("ratings.dat", "1,2,3,978300760", None, "1 field; expected 4"),
        ("ratings.dat", "1::2::3,5::978300760", "rating", "'3,5' is not a number"),
        ("ratings.dat", "1:::2::3::978300760", "movie_id", "':2' is not a whole number"),
        ("ratings.dat", "1::2::55::978300760", "rating", "not between 0.5 and 5.0"),
        ("ratings.dat", "1::2::::978300760", "rating", "a value is required"),
        ("ratings.dat", "1::2::3::978300", "timestamp", "not between"),
        ("ratings.dat", '"1::2::3::978300760', "user_id", "is not a whole number"),
        ("ratings.dat", "UserID::MovieID::Rating::Timestamp", "user_id", "not a whole number"),
        ("ratings.dat", " ", None, "1 field; expected 4"),
        ("u.data", "1\t2\t3", None, "3 fields; expected 4"),
        ("u.data", "1 2 3 978300760", None, "1 field; expected 4"),
        ("u.data", "1\t2\tx\t978300760", "rating", "'x' is not a number"),
        ("movies.dat", "3::A::B (1999)::Drama", None, "4 fields; expected 3"),
        ("movies.dat", "3::", None, "2 fields; expected 3"),
        ("movies.dat", "x::A, B (1999)::Drama", "movie_id", "'x' is not a whole number"),
        ("u.item", FILM.removesuffix("|0"), None, "23 fields; expected 24"),
        ("u.item", FILM + "|0", None, "25 fields; expected 24"),
        ("u.item", FILM.replace("|1|1|1", "|1|2|1"), "genres", "'2' for Children's is not 0 or 1"),
        ("u.item", FILM.replace("|1|1|1", "|1||1"), "genres", "'' for Children's is not 0 or 1"),
        ("u.item", FILM.replace("(1995)", "| (1995)"), None, "25 fields; expected 24"),
        ("u.item", FILM.replace("1|Toy", "1.5|Toy"), "movie_id", "'1.5' is not a whole number"),
    ],
)
def test_a_bad_line_is_rejected_as_it_stands(
    read: Reader, name: str, line: str, column: str | None, reason: str
) -> None:
    good = {
        "ratings.dat": (RATING, RATED),
        "u.data": (RATING.replace("::", "\t"), RATED),
        "movies.dat": ("1::Toy Story (1995)::Drama", (1, "Toy Story (1995)", "Drama")),
        "u.item": (FILM, FILMS[0]),
    }
    text, row = good[name]
    found = read(name, f"{text}\n{line}\n{text}\n")
    assert found.rows == [row, row]
    (reject,) = found.outcome.rejects
    assert (reject.line, reject.raw_text, reject.column_name) == (2, line, column)
    assert reason in reject.reason


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("u.item", f"{FILM}\n{AFTER}\n", FILMS),
        ("u.item", f"{FILM}\r\n{AFTER}", FILMS),
        ("u.item", f"\n\n{FILM}\n\n{AFTER}\n\n", FILMS),
        ("U.ITEM", f"\ufeff{FILM}\r{AFTER}\r", FILMS),
        ("ratings.dat", f"\ufeff{RATING}\n", [RATED]),
        ("ratings.dat", RATING, [RATED]),
        ("ratings.dat", RATING.replace("3", "3.0"), []),
        ("movies.dat", '1::"Great", Cats::Drama\n', [(1, '"Great", Cats', "Drama")]),
        ("movies.dat", "1:: a : b ::\n", [(1, " a : b ", None)]),
        ("movies.dat", '1::"::"\n', [(1, '"', '"')]),
        ("tags.dat", "1::2::NULL::978300760\n", [(1, 2, "NULL", 978300760)]),
        ("tags.dat", '1::2::"a,b"::978300760\n', [(1, 2, '"a,b"', 978300760)]),
        ("u.item", FILM.replace("|1|1|1", "|0|0|0") + "\n", [(1, "Toy Story (1995)", None)]),
        (
            "u.item",
            FILM.replace("|0|0|0|1|1|1", "|1|0|0|0|0|0"),
            [(1, "Toy Story (1995)", "(no genres listed)")],
        ),
    ],
)
def test_odd_lines_that_are_loaded(
    read: Reader, name: str, content: str, rows: list[tuple[object, ...]]
) -> None:
    if not rows:  # the number three is in the time, too
        content, rows = "1::2::3.0::978400760\n", [(1, 2, 3.0, 978400760)]
    found = read(name, content)
    assert (found.rows, found.rejects) == (rows, [])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("ratings.dat", b"", "the file is empty: it has no rows"),
        ("ratings.dat", b"\n\r\n\n", "the file is empty: it has no rows"),
        ("ratings.dat.gz", b"", "the file is empty"),
        ("ratings.dat", b"1,2,3,4\n", "separated by commas; expected double colons, as in: userId"),
        ("ratings.dat", b"1\t2\t3\t4\n", "separated by tabs; expected double colons"),
        ("u.data", b"1::2::3::4\n", "separated by double colons; expected tabs"),
        ("u.data", b"1,2,3,4\n", "separated by commas; expected tabs"),
        ("u.item", b"1\tToy Story\n", "separated by tabs; expected bars, as in: movieId|title|"),
        ("tags.dat", b"1\t007\t36\n", "separated by tabs; expected double colons"),
        ("tag-genome/tags.dat", b"1::2::x::3\n", "separated by double colons; expected tabs"),
        ("ratings.dat", b"PK\x03\x04", "a zip archive"),
        ("ratings.dat", RATING.encode("utf-16"), "looks like UTF-16"),
        ("ratings.dat", b"1::2\x00::3::4\n", "a NUL byte"),
        ("ratings.dat", b"1::2::3\n" * 11, "line 1: row: 3 fields; expected 4"),
        (
            "movies.dat",
            "1::Pok\u00e9mon::x\n2::".encode() + b"Pok\xe9mon::x\n",
            "line 2: byte 0xe9",
        ),
    ],
)
def test_files_that_are_refused(read: Reader, name: str, content: bytes, reason: str) -> None:
    found = read(name, content, Rules())
    assert (found.outcome.status, found.rows) == ("refused", [])
    assert reason in found.outcome.reason


def test_latin_1_needs_no_setting_where_grouplens_wrote_it(read: Reader) -> None:
    """And UTF-8 is read as such, as in ml-10m."""
    for encoding in ("latin-1", "utf-8"):
        film = "1::Misérables, Les (1995)::Drama\n".encode(encoding)
        found = read("movies.dat", film)
        assert found.rows == [(1, "Misérables, Les (1995)", "Drama")]
        assert found.outcome.warnings == []
    assert read("movies.csv", "movieId,title\n1,é\n".encode("latin-1")).outcome.reason


def test_another_encoding_can_be_set(read: Reader) -> None:
    found = read("movies.dat", "1::10 € (1995)::x\n".encode("cp1252"), Rules(encoding="cp1252"))
    assert found.rows == [(1, "10 € (1995)", "x")]
    assert "read as cp1252" in found.outcome.warnings[0]


def test_too_many_bad_lines_are_told_by_their_own_lines(read: Reader) -> None:
    bad = "".join(f"{n}::a, b\n" for n in range(11))
    found = read("movies.dat", f"7::Toy::x\n{bad}", Rules())
    assert found.outcome.reason.startswith(
        "more than 10 rows had to be rejected, the first ones: line 2: row: 2 fields; expected 3"
    )


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".zst", ".zip"])
def test_an_archive_of_one_file(read: Reader, suffix: str) -> None:
    from tests.support.bad_input.builders import PACK

    content = f"{RATING}\n1::2::x::978300760\n".encode()
    found = read(f"ratings.dat{suffix}", PACK[suffix[1:]](content) if suffix else content)
    assert found.rows == [RATED]
    assert found.lines == [2]


# Every line, against plain Python

FIELD = some.text("ab1,\"':|\t\\ é\u2028\x85\x1c", max_size=4)


@given(some.lists(some.lists(FIELD, min_size=1, max_size=5), min_size=1, max_size=8))
def test_each_line_is_translated_or_rejected(lines: list[list[str]]) -> None:
    import csv

    from ingestion.errors import RefusedFile

    for layout in (one for one in LAYOUTS if one.table in ("tags", "movies")):
        text = "\n".join(layout.separator.join(fields) for fields in lines)
        try:
            translated = b"".join(Translation(layout).of([text.encode()])).decode()
        except RefusedFile:
            first = next(filter(None, text.split("\n")), "")
            assert layout.separator not in first
            continue
        header, *records = translated.split("\n")
        assert header.split(",") == list(layout.columns)
        assert len(records) == len(text.split("\n"))
        for line, record in zip(text.split("\n"), records, strict=True):
            fields = line.split(layout.separator)
            (found,) = list(csv.reader([record], strict=True)) or [[]]
            if not line:
                assert found == []
            elif len(fields) != layout.width:
                assert len(found) != len(layout.columns)
            elif not layout.flags:
                named = zip(layout.fields, fields, strict=True)
                assert found == [field for name, field in named if name]


# The command line


def test_a_landing_zone_of_nothing_but_a_release_is_read(
    cli: Cli, generated: Path, tmp_path: Path
) -> None:
    rows = as_it_was("ml-1m", generated, tmp_path / "csv")
    zone = tmp_path / "zone"
    packed(unpacked("ml-1m", rows, tmp_path / "unpacked"), zone / "ml-1m.zip")
    told = cli("load", "--source", zone)
    assert told.returncode == 0, told.stderr
    assert "Loaded     ml-1m: 2 files" in told.stdout
    assert (
        "  not read: ml-1m.zip/ml-1m/users.dat holds what no model reads (gender, age, occupation, "
        "zipCode); MOVIELENS_LOAD_UNMODELLED=true loads it into raw.users"
    ) in told.stdout
    shutil.copy2(zone / "ml-1m.zip", tmp_path / "ml-1m.zip")
    home = ("--home", tmp_path / "other")
    answer = cli.json("load", "--source", tmp_path / "ml-1m.zip", *home)
    assert [(file["path"], file["status"]) for file in answer["files"]] == [
        ("ml-1m.zip/ml-1m/movies.dat", "loaded"),
        ("ml-1m.zip/ml-1m/ratings.dat", "loaded"),
    ]
