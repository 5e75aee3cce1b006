"""Zips as they are downloaded: each file in one counts on its own."""

from __future__ import annotations

import io
import os
import shutil
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pytest
from s3fs import S3FileSystem

from ingestion import LoadReport, load
from ingestion.engine import engine_of
from ingestion.errors import SourceError
from ingestion.landing import s3, zips
from ingestion.landing.listing import LandingZone, list_landing_zone
from ingestion.raw import manifest
from ingestion.reading.file import read_file
from ingestion.reading.rules import Rules
from ingestion.settings import Settings
from local_dev.s3 import s3_server
from tests.support.landing_zone import (
    MOVIES,
    RATINGS,
    SIX,
    TABLES,
    TAGS,
    rows_in_files,
    rows_that_count,
    write_six,
)

RELEASE = {f"ml-25m/{name}": content for name, content in SIX.items()}
README = (
    "Summary\n\nThis dataset (ml-25m) describes ratings. It contains 3 ratings and 2 tag "
    "applications across 2 movies. These data were created by 2 users.\n"
)


def zipped(members: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.fixture
def zone(settings: Settings) -> Path:
    folder = Path(settings.source or "")
    folder.mkdir()
    return folder


def statuses(report: LoadReport) -> dict[str, str]:
    return {file.path: file.status for file in report.files}


def current(settings: Settings) -> dict[str, manifest.CurrentFile]:
    return manifest.current_files(engine_of(settings).warehouse())


def reasons(report: LoadReport) -> dict[str, str]:
    return {file.path: file.reason for file in report.of_status("refused")}


# What counts


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
def test_each_file_in_a_zip_counts_on_its_own(
    settings: Settings, zone: Path, tmp_path: Path, method: int
) -> None:
    (zone / "ml-25m.zip").write_bytes(zipped({"ml-25m/": "", **RELEASE}, method))
    report = load(settings=settings)
    assert statuses(report) == {f"ml-25m.zip/{path}": "loaded" for path in RELEASE}
    assert (report.rows, report.rejected, report.edition) == (13, 0, "ml-25m")
    write_six(tmp_path / "plain")
    for table in TABLES:
        file = tmp_path / "plain" / f"{table.replace('_', '-')}.csv"
        assert rows_that_count(settings.warehouse_file, table) == rows_in_files(file)
    assert load(settings=settings).load_id is None


def test_the_zip_itself_can_be_the_landing_zone(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "ml-25m.zip"
    file.write_bytes(zipped({**RELEASE, "ml-25m/README.txt": README}))
    report = load(str(file), settings=settings)
    assert (report.source, report.edition, report.ignored) == (f"file://{file}", "ml-25m", [])
    assert statuses(report) == {f"ml-25m.zip/{path}": "loaded" for path in RELEASE}
    readme = list_landing_zone(str(file)).readme
    assert readme is not None
    assert (readme.path, readme.ratings) == ("ml-25m.zip/ml-25m/README.txt", 3)


def test_a_bad_file_in_a_zip_takes_no_other_with_it(settings: Settings, zone: Path) -> None:
    content = {**RELEASE, "ml-25m/ratings.csv": RATINGS + "1,2,x,4\n", "ml-25m/tags.csv": "no\n"}
    (zone / "ml-25m.zip").write_bytes(zipped(content))
    report = load(settings=settings)
    assert (report.exit_code, report.rejected) == (4, 1)
    assert list(reasons(report)) == ["ml-25m.zip/ml-25m/tags.csv"]
    assert len(report.of_status("loaded")) == 5


def test_a_new_zip_of_which_one_file_changed_is_one_changed_file(
    settings: Settings, zone: Path
) -> None:
    (zone / "ml-25m.zip").write_bytes(zipped(RELEASE))
    load(settings=settings)
    changed = {**RELEASE, "ml-25m/movies.csv": MOVIES + "7,New (2001),x\n"}
    (zone / "ml-25m.zip").write_bytes(zipped(changed))
    report = load(settings=settings)
    assert [file.path for file in report.of_status("loaded")] == ["ml-25m.zip/ml-25m/movies.csv"]
    assert len(report.of_status("unchanged")) == 5
    del changed["ml-25m/links.csv"]
    (zone / "ml-25m.zip").write_bytes(zipped(changed))
    report = load(settings=settings)
    assert [file.path for file in report.of_status("missing")] == ["ml-25m.zip/ml-25m/links.csv"]


# What does not


def test_what_else_is_in_a_zip_is_ignored_by_name(zone: Path) -> None:
    others = ["__MACOSX/ml-25m/._ratings.csv", "__MACOSX/ratings.csv", "ml-25m/.x/tags.csv", "a.md"]
    (zone / "any name.ZIP").write_bytes(zipped({**RELEASE, **dict.fromkeys(others, "x")}))
    listed = list_landing_zone(str(zone))
    assert sorted(listed.files) == sorted(f"any name.ZIP/{path}" for path in RELEASE)
    assert sorted(listed.ignored) == sorted(f"any name.ZIP/{path}" for path in others)


def test_folders_in_a_zip_are_like_folders(zone: Path) -> None:
    (zone / "x.zip").write_bytes(zipped({"a/b/ratings.csv/part-1.csv": RATINGS, "tags.csv": TAGS}))
    listed = list_landing_zone(str(zone)).files
    assert {path: file.dataset for path, file in listed.items()} == {
        "x.zip/a/b/ratings.csv/part-1.csv": "ratings",
        "x.zip/tags.csv": "tags",
    }


def test_a_file_is_read_once_if_it_is_also_there_unpacked(settings: Settings, zone: Path) -> None:
    (zone / "ml-25m.zip").write_bytes(zipped(RELEASE))
    (zone / "ml-25m").mkdir()
    (zone / "ml-25m" / "ratings.csv").write_text(RATINGS)
    (zone / "movies.csv").write_text(MOVIES + "7,New (2001),x\n")
    report = load(settings=settings)
    assert report.rows == 13 + 3
    assert "ml-25m.zip/ml-25m/ratings.csv" not in statuses(report)
    (same,) = report.unread
    assert same.path == "ml-25m.zip/ml-25m/ratings.csv"
    assert same.advice == "is also there as ml-25m/ratings.csv, which is read; delete either"


def test_a_file_that_is_unpacked_later_takes_the_place_of_the_one_in_the_zip(
    settings: Settings, zone: Path
) -> None:
    (zone / "ml-25m.zip").write_bytes(zipped(RELEASE))
    load(settings=settings)
    packed = "ml-25m.zip/ml-25m/ratings.csv"
    known = sum(each.rows for each in current(settings).values())
    unpacked = zone / "ml-25m" / "ratings.csv"
    unpacked.parent.mkdir()
    unpacked.write_bytes(b"\xff" * len(RATINGS))
    assert statuses(load(settings=settings))[packed] == "missing"
    assert packed in current(settings)
    unpacked.write_text(RATINGS)
    assert statuses(load(settings=settings))[packed] == "removed"
    assert packed not in current(settings)
    assert sum(each.rows for each in current(settings).values()) == known
    shutil.rmtree(unpacked.parent)
    report = load(settings=settings, remove_missing=True)
    assert statuses(report)[packed] == "loaded"
    assert current(settings).keys() == {f"ml-25m.zip/{name}" for name in RELEASE if "csv" in name}


def test_a_zip_without_movielens_files_is_ignored(zone: Path) -> None:
    (zone / "movies.csv").write_text(MOVIES)
    (zone / "photos.zip").write_bytes(zipped({"a.jpg": "x"}))
    (zone / "broken.zip").write_bytes(b"PK nothing")
    (zone / "ml-20m-youtube.zip").write_bytes(zipped({"ml-youtube.csv": "x"}))
    listed = list_landing_zone(str(zone))
    assert list(listed.files) == ["movies.csv"]
    assert listed.ignored == ["broken.zip", "ml-20m-youtube.zip", "photos.zip"]
    assert [one.path for one in listed.unread] == ["ml-20m-youtube.zip"]


def test_a_zip_of_nothing_is_an_error_as_a_landing_zone(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zipped({"a.jpg": "x"}))
    with pytest.raises(SourceError, match="holds no MovieLens file"):
        list_landing_zone(str(tmp_path / "x.zip"))
    with pytest.raises(SourceError, match="does not exist"):
        list_landing_zone(str(tmp_path / "y.zip"))


# What is refused


def encrypted(archive: bytes) -> bytes:
    """Marks every file as encrypted."""
    changed = bytearray(archive)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := changed.find(mark, place + 1)) >= 0:
            changed[place + at] |= 1
    return bytes(changed)


def twice() -> bytes:
    packed = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(packed, "w") as archive:
        warnings.simplefilter("ignore")
        for text in (RATINGS, RATINGS + "9,9,4.0,964982703\n"):
            archive.writestr("ratings.csv", text)
    return packed.getvalue()


def with_a_wrong_checksum() -> bytes:
    packed = bytearray(zipped({"ratings.csv": RATINGS}))
    packed[packed.rindex(b"PK\x01\x02") + 16] ^= 1
    return bytes(packed)


def with_another_content_where_the_directory_points() -> bytes:
    packed = bytearray(zipped({"ratings.csv": RATINGS}))
    at = packed.rindex(b"PK\x01\x02") + 42
    packed[at : at + 4] = (7).to_bytes(4, "little")
    return bytes(packed)


REFUSED = {
    "a path outside": (zipped({"../ratings.csv": RATINGS}), "points outside the archive"),
    "a path with a drive": (zipped({"C:\\ratings.csv": RATINGS}), "points outside the archive"),
    "an absolute path": (zipped({"/etc/ratings.csv": RATINGS}), "points outside the archive"),
    "encrypted": (encrypted(zipped({"ratings.csv": RATINGS})), "the zip is encrypted"),
    "a bomb": (zipped({"ratings.csv": "0" * 10**6}), "more than 100 times its size"),
    "twice": (twice(), "the zip holds ratings.csv 2 times; one of them must go"),
    "packed twice": (zipped({"ratings.csv.gz": b"x"}), "it is packed twice, in x.zip; unpack that"),
    "zip in a zip": (zipped({"ratings.zip": zipped(RELEASE)}), "it is packed twice"),
    "checksum": (with_a_wrong_checksum(), "not a complete zip archive (Bad CRC-32"),
    "place": (with_another_content_where_the_directory_points(), "not a complete zip archive"),
    "nothing": (zipped({"ratings.csv": ""}), "the file is empty (zero bytes)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_unsafe_or_damaged_file_is_refused_and_no_other(
    settings: Settings, zone: Path, case: str
) -> None:
    content, reason = REFUSED[case]
    (zone / "x.zip").write_bytes(content)
    (zone / "movies.csv").write_text(MOVIES)
    for _ in ("first", "again"):
        report = load(settings=settings)
        (found,) = reasons(report).values()
        assert reason in found
        assert (report.exit_code, statuses(report)["movies.csv"]) in {
            (4, "loaded"),
            (4, "unchanged"),
        }


@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_a_release_cut_short_is_refused(settings: Settings, zone: Path, share: float) -> None:
    whole = zipped(RELEASE)
    (zone / "ml-25m.zip").write_bytes(whole[: int(len(whole) * share)])
    (zone / "movies.csv").write_text(MOVIES)
    report = load(settings=settings)
    assert reasons(report)["ml-25m.zip"].startswith("not a complete zip archive")
    (zone / "ml-25m.zip").write_bytes(whole)
    again = load(settings=settings)
    # The films are there already, unpacked.
    assert (len(again.of_status("loaded")), reasons(again)) == (5, {})


@pytest.mark.slow
def test_no_damage_is_a_crash_or_another_content(zone: Path, tmp_path: Path) -> None:
    whole = zipped({"ratings.csv": RATINGS})
    known = RATINGS.count("\n") - 1
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        (zone / "ml-1m.zip").write_bytes(damaged)
        try:
            listed = list_landing_zone(str(zone))
        except SourceError:
            continue
        for file in listed.files.values():
            outcome = read_file(listed, file, 1, tmp_path, Rules())
            assert (outcome.status, outcome.rows) in {("refused", 0), ("loaded", known)}, at


# While it is read


def test_a_zip_that_is_replaced_while_it_is_read_is_put_off(zone: Path, tmp_path: Path) -> None:
    (zone / "ml-25m.zip").write_bytes(zipped(RELEASE))
    listed = list_landing_zone(str(zone))
    (zone / "ml-25m.zip").write_bytes(zipped({"first": "x" * 999, **RELEASE}))
    for file in listed.files.values():
        outcome = read_file(listed, file, 1, tmp_path, Rules())
        assert (outcome.status, outcome.rows) == ("put off", 0)
    (zone / "ml-25m.zip").unlink()
    outcome = read_file(listed, next(iter(listed.files.values())), 1, tmp_path, Rules())
    assert outcome.status == "put off"


def test_a_zip_that_was_only_touched_is_recognised(settings: Settings, zone: Path) -> None:
    (zone / "ml-25m.zip").write_bytes(zipped(RELEASE))
    load(settings=settings)
    os.utime(zone / "ml-25m.zip", (1, 1))
    assert set(statuses(load(settings=settings)).values()) == {"unchanged"}


# Elsewhere than on a disk


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with s3_server() as env:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        made = boto3.client("s3")
        made.create_bucket(Bucket="zips")
        yield made


@contextmanager
def asked() -> Iterator[list[tuple[str, str | None]]]:
    """The objects that are asked for, with their ranges."""
    seen: list[tuple[str, str | None]] = []
    real = s3._client

    def watched(*where: Any, **login: Any) -> Any:
        found = real(*where, **login)

        class Watched:
            def get_object(self, **wanted: Any) -> Any:
                seen.append((wanted["Key"], wanted.get("Range")))
                return found.get_object(**wanted)

        return Watched()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3, "_client", watched)
        yield seen


def test_a_zip_in_a_bucket_is_read_by_one_request_for_each_file(
    client: Any, settings: Settings
) -> None:
    large = RATINGS + "".join(f"{n},{n * 7919 % 9973},3.5,{10**9 + n}\n" for n in range(60_000))
    content = zipped({**RELEASE, "ml-25m/ratings.csv": large, "ml-25m/README.txt": README})
    client.put_object(Bucket="zips", Key="landing/ml-25m.zip", Body=content)
    for source in ("s3://zips/landing", "s3://zips/landing/ml-25m.zip"):
        home = settings.model_copy(update={"source": source, "home": settings.home / source[-3:]})
        with asked() as requests:
            report = load(settings=home)
        assert statuses(report) == {f"ml-25m.zip/{path}": "loaded" for path in RELEASE}
        assert (report.rows, report.edition) == (13 + 60_000, "ml-25m")
        assert len(requests) == len(RELEASE)
        assert {key for key, _ in requests} == {"landing/ml-25m.zip"}
        assert all(part for _, part in requests)
        with asked() as requests:
            assert load(settings=home).load_id is None
        assert requests == []


def test_a_zip_in_a_bucket_that_is_replaced_is_put_off(client: Any, tmp_path: Path) -> None:
    client.put_object(Bucket="zips", Key="ml-25m.zip", Body=zipped(RELEASE))
    listed = list_landing_zone("s3://zips")
    client.put_object(Bucket="zips", Key="ml-25m.zip", Body=zipped({**RELEASE, "a": "b"}))
    for file in listed.files.values():
        assert read_file(listed, file, 1, tmp_path, Rules()).status == "put off"


def test_a_zip_in_another_store(tmp_path: Path, settings: Settings) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe("/zips/ml-25m.zip", zipped(RELEASE))
    report = load("memory://zips", settings=settings)
    assert (report.rows, len(report.of_status("loaded"))) == (13, 6)
    fs.rm("/zips", recursive=True)


def test_a_zip_is_uploaded_whole(client: Any, zone: Path, settings: Settings) -> None:
    from local_dev.upload import upload

    (zone / "ml-25m.zip").write_bytes(zipped({**RELEASE, "ml-25m/README.txt": README}))
    report = upload(zone, "s3://zips/up")
    assert sorted(report.uploaded) == ["ml-25m.zip", "movielens.json"]
    there: LandingZone = list_landing_zone("s3://zips/up")
    assert (there.edition, len(there.files)) == ("ml-25m", 6)


def test_the_directory_of_a_large_zip_is_read_in_few_requests(client: Any) -> None:
    noise = os.urandom(3 << 20)
    client.put_object(
        Bucket="zips", Key="ml.zip", Body=zipped({"ratings.csv": noise, "tags.csv": noise})
    )
    fs = S3FileSystem()
    fetched = []
    real = fs._cat_file

    async def counted(*arguments: Any, **named: Any) -> Any:
        fetched.append(named)
        return await real(*arguments, **named)

    fs._cat_file = counted
    assert [member.name for member, _ in zips.members(fs, "zips/ml.zip")] == [
        "ratings.csv",
        "tags.csv",
    ]
    assert len(fetched) <= 3
