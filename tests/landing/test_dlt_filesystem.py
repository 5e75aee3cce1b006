"""MovieLens files through dlt's filesystem source: what goes in, where to, and who may read it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import dlt
import fsspec
import pytest
from dlt.common.storages.fsspec_filesystem import fsspec_from_config
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.sources.filesystem import filesystem, readers
from moto.server import ThreadedMotoServer

from ingestion import load, movielens_source, read_movielens
from ingestion.engine import engine_of
from ingestion.errors import MovielensError, SettingsError, SourceError
from ingestion.landing import s3, stores
from ingestion.landing.listing import list_landing_zone
from ingestion.raw import manifest
from ingestion.settings import Settings
from tests.support.cli import Cli
from tests.support.landing_zone import (
    MOVIES,
    RATINGS,
    SIX,
    query,
    rows_in_files,
    rows_that_count,
    write,
    write_six,
)
from tests.support.marks import slow_except

KEYS = {"aws_access_key_id": "stand-in", "aws_secret_access_key": "stand-in"}
NEW_COLUMN = "userId,movieId,rating,timestamp,device\n9,1,1.0,964982701,phone\n"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Bucket:
    """A bucket of the test's own, filled by a client that nobody else uses."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"movielens-{uuid.uuid4().hex[:12]}"
        self.client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **KEYS)
        self.client.create_bucket(Bucket=self.name)

    @property
    def zone(self) -> str:
        return f"s3://{self.name}/zone"

    def put(self, name: str, content: str) -> None:
        self.client.put_object(Bucket=self.name, Key=f"zone/{name}", Body=content)


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The six files in a bucket, which nothing in the environment leads to."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", *map(str.upper, KEYS)):
        monkeypatch.delenv(name, raising=False)
    made = Bucket(endpoint)
    for name, content in SIX.items():
        made.put(name, content)
    return made


@pytest.fixture
def by_aws(bucket: Bucket, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket, reached as AWS's own tools do."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return bucket


def by_dlt(endpoint: str) -> dict[str, str]:
    """What leads to a bucket as dlt's users write it."""
    credentials = {**KEYS, "endpoint_url": endpoint, "region_name": "us-east-1"}
    return {
        f"SOURCES__FILESYSTEM__CREDENTIALS__{name.upper()}": value
        for name, value in credentials.items()
    }


def pipeline(folder: Path, destination: Any = None) -> dlt.Pipeline:
    return dlt.pipeline(
        "composed",
        pipelines_dir=str(folder / "pipelines"),
        destination=destination or dlt.destinations.duckdb(str(folder / "composed.duckdb")),
        dataset_name="raw",
    )


def everything(url: str, **more: Any) -> DltResource:
    return filesystem(url, file_glob="**", **more)


WAYS: dict[str, Callable[[str], Any]] = {
    "a URL": movielens_source,
    "a resource": lambda url: movielens_source(everything(url)),
    "a transformer": lambda url: everything(url) | read_movielens(),
}


@pytest.mark.parametrize("way", slow_except("a URL", WAYS))
def test_s3_through_dlt(by_aws: Bucket, tmp_path: Path, way: str) -> None:
    """Rows, rejects and manifest; nothing again when nothing is new; then what is new alone."""
    read, database = WAYS[way], tmp_path / "composed.duckdb"
    by_aws.put("ratings.csv", RATINGS + "x,1,1.0,964982701\n")
    by_aws.put("tags.csv", "broken\n")
    pipeline(tmp_path).run(read(by_aws.zone))
    assert pipeline(tmp_path).run(read(by_aws.zone)).loads_ids == []
    by_aws.put("ratings.csv", RATINGS.replace("0.5", "5.0"))
    pipeline(tmp_path).run(read(by_aws.zone))
    write(tmp_path, **{**_contents(), "ratings": RATINGS.replace("0.5", "5.0")})
    for table in ("movies", "ratings", "links", "genome_scores", "genome_tags"):
        file = tmp_path / f"{table.replace('_', '-')}.csv"
        assert rows_that_count(database, table) == rows_in_files(file), table
    assert query(database, "select count(*) from raw.ratings") == [(6,)]
    assert query(database, "select count(*) from raw.tags") == [(0,)]
    assert query(database, "select line, column_name from raw._rejected_rows") == [(5, "user_id")]
    assert query(database, "select distinct source from raw._files") == [(by_aws.zone,)]
    columns = query(database, "select column_name from (describe raw._files)")
    assert {name for (name,) in columns} == manifest.COLUMNS.keys()


def _contents() -> dict[str, str]:
    return {name.removesuffix(".csv").replace("-", "_"): text for name, text in SIX.items()}


@pytest.mark.parametrize(
    "kind", ["duckdb", "parquet", pytest.param("snowflake", marks=pytest.mark.slow)]
)
def test_composed_into_any_destination(
    by_aws: Bucket, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    by_aws.put("ratings-2.csv", NEW_COLUMN)
    work = everything(by_aws.zone) | read_movielens()
    if kind == "snowflake":
        for name, value in request.getfixturevalue("snowflake").items():
            request.getfixturevalue("monkeypatch").setenv(name, value)
        target: Any = engine_of(
            Settings(target="prod", home=tmp_path / "home", _env_file=None)
        ).warehouse()
        with target.connect() as connection:
            composed = pipeline(tmp_path, target.destination(connection, 0))
            # The stand-in does not load JSON, in which dlt would write its state there.
            composed.config.restore_from_destination = False
            composed.run(work, loader_file_format="parquet")
        found = target.fetch("select user_id, movie_id, rating, device from raw.ratings")
    else:
        destination = {
            "duckdb": dlt.destinations.duckdb(str(tmp_path / "films.duckdb")),
            "parquet": dlt.destinations.filesystem(str(tmp_path / "films")),
        }[kind]
        composed = pipeline(tmp_path, destination)
        composed.run(work, loader_file_format="parquet")
        columns = ("user_id", "movie_id", "rating", "device")
        found = composed.dataset().ratings.select(*columns).fetchall()
    assert sorted(map(tuple, found)) == [
        (1, 1, 4.0, None),
        (1, 3, 4.5, None),
        (2, 1, 0.5, None),
        (9, 1, 1.0, "phone"),
    ]


def test_a_load_of_a_resource_is_that_of_its_url(by_aws: Bucket, settings: Settings) -> None:
    report = load(everything(by_aws.zone), settings=settings)
    assert (report.rows, report.source, report.edition) == (13, by_aws.zone, "zone")
    assert load(by_aws.zone, settings=settings).load_id is None
    by_aws.put("movies.csv", MOVIES + "7,New (2001),x\n")
    again = load(everything(by_aws.zone), settings=settings)
    assert [file.path for file in again.of_status("loaded")] == ["movies.csv"]


def test_only_what_a_resource_yields_counts(by_aws: Bucket, settings: Settings) -> None:
    by_aws.put("notes.md", "")
    by_aws.put("ratings.orc", "")
    narrow = load(filesystem(by_aws.zone, file_glob="[mr]*"), settings=settings)
    assert [file.path for file in narrow.files] == ["movies.csv", "ratings.csv"]
    assert (narrow.ignored, len(narrow.unread)) == (["ratings.orc"], 1)
    wide = load(everything(by_aws.zone), settings=settings)
    assert len(wide.of_status("loaded")) == 4
    missing = load(filesystem(by_aws.zone, file_glob="mov*"), settings=settings)
    assert (len(missing.of_status("missing")), missing.load_id) == (5, None)


def test_a_store_in_memory_and_a_folder(settings: Settings, tmp_path: Path) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe({f"/by-dlt/deep/{name}": content.encode() for name, content in SIX.items()})
    assert load(everything("memory://by-dlt"), settings=settings).rows == 13
    assert load("memory://by-dlt", settings=settings).load_id is None
    fs.rm("/by-dlt", recursive=True)
    write_six(tmp_path / "zone")
    (tmp_path / "zone" / "more").mkdir()
    (tmp_path / "zone" / "more" / "movies.csv").symlink_to(tmp_path / "zone" / "movies.csv")
    listed = list_landing_zone(everything(str(tmp_path / "zone")))
    assert listed.files == list_landing_zone(str(tmp_path / "zone")).files


@pytest.mark.slow
def test_credentials_from_dlt_alone(
    bucket: Bucket,
    endpoint: str,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The landing zone comes from dlt, too: this project's own setting is empty."""
    unset = settings.model_copy(update={"source": None})
    with pytest.raises(MovielensError):
        load(bucket.zone, settings=unset)
    for name, value in by_dlt(endpoint).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOURCES__FILESYSTEM__BUCKET_URL", bucket.zone)
    assert (load(settings=unset).rows, load(settings=unset).load_id) == (13, None)
    pipeline(tmp_path).run(movielens_source())
    assert len(rows_that_count(tmp_path / "composed.duckdb", "ratings")) == 3
    composed = pipeline(tmp_path / "second")
    composed.run(filesystem(file_glob="**") | read_movielens())
    assert composed.dataset().ratings.select("rating").max().fetchscalar() == 4.5


@pytest.mark.slow
def test_credentials_from_secrets_toml(bucket: Bucket, endpoint: str, cli: Cli) -> None:
    folder = cli.folder / ".dlt"
    folder.mkdir()
    keys = "".join(f'{name} = "{value}"\n' for name, value in KEYS.items())
    (folder / "secrets.toml").write_text(
        f'[sources.filesystem]\nbucket_url = "{bucket.zone}"\n[sources.filesystem.credentials]\n'
        f'{keys}endpoint_url = "{endpoint}"\nregion_name = "us-east-1"\n'
    )
    report = cli.json("load", "--home", "home")
    assert report["source"] == bucket.zone
    assert [file["status"] for file in report["files"]] == ["loaded"] * 6
    told = cli("doctor", "--home", "home").stdout
    assert f"the bucket {bucket.name} can be listed" in told


PLACE = {"endpoint_url": "http://127.0.0.1:9", "region_name": "eu-west-1"}


@pytest.mark.parametrize(
    ("given", "needs_dlt"),
    [
        (KEYS, False),
        ({**KEYS, "aws_session_token": "x"}, False),
        ({**KEYS, **PLACE}, False),
        (PLACE, True),
        ({"profile_name": "p"}, True),
        ({**KEYS, "s3_url_style": "path"}, True),
    ],
)
@pytest.mark.parametrize("section", ["", "SOURCES__", "SOURCES__FILESYSTEM__"])
def test_the_file_system_is_the_one_that_dlt_would_use(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    given: dict[str, str],
    needs_dlt: bool,
    section: str,
) -> None:
    (tmp_path / "keys").write_text("[p]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("AWS_PROFILE", "p")
    for name, value in given.items():
        # A less specific setting must not win.
        monkeypatch.setenv(f"CREDENTIALS__{name.upper()}", f"not {value}" if section else value)
        monkeypatch.setenv(f"{section}CREDENTIALS__{name.upper()}", value)
    assert (stores._of_s3("s3://bucket", stores._said_to_dlt()) is None) == needs_dlt
    fs, root = stores.open_store("s3://bucket/zone")
    dlts = fsspec_from_config(stores._configuration("s3://bucket/zone"))[0]
    assert root == "bucket/zone"
    assert fs.storage_options == dlts.storage_options
    login = s3.login(fs)
    names = login.keys() & given.keys()
    assert {name: login[name] for name in names} == {name: given[name] for name in names}


@pytest.mark.parametrize("way", ["a resource", "a transformer"])
@pytest.mark.parametrize("contract", ["evolve", "discard_value", "freeze"])
def test_a_new_column_is_for_the_contract_to_say(tmp_path: Path, way: str, contract: str) -> None:
    zone = tmp_path / "zone"
    write(zone, ratings=RATINGS)
    composed, database = pipeline(tmp_path), tmp_path / "composed.duckdb"
    composed.run(WAYS[way](str(zone)))
    write(zone, ratings_2=NEW_COLUMN)
    device = "select count(*) from (describe raw.ratings) where column_name = 'device'"
    if contract == "freeze":
        with pytest.raises(PipelineStepFailed, match="`device`"):
            composed.run(WAYS[way](str(zone)), schema_contract={"columns": contract})
    else:
        composed.run(WAYS[way](str(zone)), schema_contract={"columns": contract})
    rows, evolved = {"evolve": (4, 1), "discard_value": (4, 0), "freeze": (3, 0)}[contract]
    assert query(database, f"select count(*), ({device}) from raw.ratings") == [(rows, evolved)]


@pytest.mark.slow
def test_hints_are_dlts(by_aws: Bucket, tmp_path: Path) -> None:
    by_aws.put("ratings-2.csv", RATINGS.replace("0.5", "5.0"))
    source = movielens_source(everything(by_aws.zone)).with_resources("ratings")
    source.ratings.apply_hints(
        table_name="stars", write_disposition="merge", primary_key=("user_id", "movie_id")
    )
    pipeline(tmp_path).run(source)
    database = tmp_path / "composed.duckdb"
    assert query(database, "select count(*) from raw.stars") == [(3,)]
    keyed = "select count(*) from (describe raw._files) where column_name = 'user_id'"
    assert query(database, f"select count(*), ({keyed}) from raw._files") == [(2, 0)]
    anew = (everything(by_aws.zone) | read_movielens()).apply_hints(write_disposition="replace")
    for _ in range(2):
        pipeline(tmp_path).run(anew)
        assert query(database, "select count(*) from raw.ratings") == [(6,)]


def _no_answer(*_: object, **__: object) -> None:
    raise OSError("the store does not answer")


def incremental(url: str) -> DltResource:
    return everything(url, incremental=dlt.sources.incremental("modification_date"))


@pytest.mark.parametrize("way", slow_except("a resource", ["a resource", "a transformer"]))
def test_incremental_by_file_passes_nothing_over(tmp_path: Path, way: str) -> None:
    fs = fsspec.filesystem("memory")
    zone, name = "memory://cursor", f"/cursor/{uuid.uuid4().hex}/ratings.csv"
    read = {
        "a resource": lambda: movielens_source(incremental(zone)),
        "a transformer": lambda: incremental(zone) | read_movielens(),
    }[way]
    fs.pipe("/cursor/movies.csv", MOVIES.encode())
    pipeline(tmp_path).run(read())
    fs.pipe("/cursor/notes.md", b"no data")
    assert pipeline(tmp_path).run(read()).has_failed_jobs is False
    fs.pipe(name, RATINGS.encode())
    fs.store[name].read = _no_answer
    with pytest.raises(PipelineStepFailed, match="dlt would not offer it again"):
        pipeline(tmp_path).run(read())
    # Whoever has no such cursor gets the others, and this one with the next run.
    pipeline(tmp_path / "other").run(WAYS[way](zone))
    assert len(rows_that_count(tmp_path / "other" / "composed.duckdb", "movies")) == 2
    fs.pipe(name, RATINGS.encode())
    fs.store[name].created = datetime.now(UTC)
    pipeline(tmp_path).run(read())
    write(tmp_path, ratings=RATINGS)
    database = tmp_path / "composed.duckdb"
    assert rows_that_count(database, "ratings") == rows_in_files(tmp_path / "ratings.csv")
    assert query(database, "select count(*) from raw.movies") == [(2,)]
    assert pipeline(tmp_path).run(read()).loads_ids == []
    fs.rm("/cursor", recursive=True)


def test_what_cannot_be_listed_is_said(
    by_aws: Bucket, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = [
        (everything("s3://no-such-bucket/zone"), SourceError, "no-such-bucket"),
        (filesystem(by_aws.zone, file_glob="*.txt"), SourceError, "holds no MovieLens file"),
        (everything("gopher://host/path"), SourceError, "gopher"),
        (
            readers(by_aws.zone, file_glob="*.csv").read_csv(),
            SettingsError,
            "items that are not files",
        ),
        ("gs://bucket/zone", SourceError, r"cannot read gs://"),
        ("az://container/zone", SourceError, r"cannot read az://"),
        ("sftp://host/zone", SourceError, r"cannot read sftp://"),
    ]
    for source, error, told in refused:
        with pytest.raises(error, match=told) as raised:
            load(source, settings=settings)
        assert raised.value.remedy
        if isinstance(source, str):
            extra = f"dlt[{source.partition(':')[0]}]"
            assert raised.value.remedy == f'install the extra: pip install "{extra}"'
    monkeypatch.setenv("SOURCES__FILESYSTEM__CREDENTIALS__AZURE_STORAGE_ACCOUNT_NAME", "films")
    with pytest.raises(SourceError, match=r"az://"):
        load("az://container/zone", settings=settings)
    assert not settings.warehouse_file.exists()


def test_a_source_that_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="No landing zone is given") as raised:
        movielens_source()
    assert "SOURCES__FILESYSTEM__BUCKET_URL" in raised.value.remedy


def test_a_folder_that_dlt_cannot_list_is_read_all_the_same(tmp_path: Path) -> None:
    zone = tmp_path / "zone [1] #2"
    write_six(zone)
    (zone / "ratings-9.csv").symlink_to(tmp_path / "nowhere")
    pipeline(tmp_path).run(movielens_source(str(zone)))
    found = rows_that_count(tmp_path / "composed.duckdb", "ratings")
    assert found == rows_in_files(zone / "ratings.csv")


@pytest.mark.parametrize(
    "store",
    [
        "folder",
        "s3 by AWS's chain",
        pytest.param("s3 by dlt's configuration", marks=pytest.mark.slow),
    ],
)
def test_a_load_with_nothing_new_does_without_dlt(
    bucket: Bucket,
    endpoint: str,
    settings: Settings,
    tmp_path: Path,
    store: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_six(tmp_path / "zone")
    source = bucket.zone if "s3" in store else str(tmp_path / "zone")
    if "AWS" in store:
        request.getfixturevalue("by_aws")
    elif "dlt" in store:
        for name, value in by_dlt(endpoint).items():
            monkeypatch.setenv(name, value)
    load(source, settings=settings)
    code = (
        "import sys\nfrom ingestion.cli import main\n"
        f"try:\n    main(['load', '--home', {str(settings.home)!r}, '--source', {source!r}])\n"
        "except SystemExit as ended:\n    assert not ended.code\n"
        "assert not {'dlt', 'dbt'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "6 files unchanged" in done.stdout
