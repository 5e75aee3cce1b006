"""The command line as people and schedulers meet it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

import click
import pytest
from filelock import FileLock

from ingestion.cli import main
from ingestion.publish.duckdb_file import published_version
from tests.support.cli import PROGRAM, Cli
from tests.support.contract import table_of
from tests.support.landing_zone import RATINGS, rows_in_files, rows_that_count, write, write_six

pytestmark = pytest.mark.xdist_group("commands")

PROJECT = Path(__file__).resolve().parents[2]
EXIT_CODES = (
    "0 done (also when there was nothing to do)",
    "1 failed",
    "2 wrong usage or settings",
    "3 audit failed or release refused, nothing published",
    "4 loaded, but rows or files were rejected beyond the allowed share",
    "75 another run holds the lock",
    "130 and 143 interrupted",
)


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    write_six(tmp_path / "zone")
    return tmp_path / "zone"


# Help


def test_help_lists_every_command_and_exit_code(program: Cli) -> None:
    done = program("--help")
    assert done.returncode == 0
    for name in main.list_commands(click.Context(main)):
        assert f"\n  {name} " in done.stdout
    readme = " ".join((PROJECT / "README.md").read_text().split())
    told = " ".join(done.stdout.split())
    for code in EXIT_CODES:
        assert code in told and code in readme


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"], ["config"]])
def test_help_and_config_import_no_engine(tmp_path: Path, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom ingestion.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "heavy = {'dlt', 'dbt', 'duckdb', 'pyarrow', 'fsspec'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_command_suggests_the_nearest(cli: Cli) -> None:
    done = cli("laod")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no command 'laod'. Did you mean 'load'?" in done.stderr


def test_an_unknown_option_is_wrong_usage(cli: Cli) -> None:
    assert cli("load", "--sauce", "x").returncode == 2
    error = cli.json("load", "--sauce", "x", exit_code=2)["error"]
    assert error["message"].startswith("No such option '--sauce'.")
    assert error["remedy"] == "movielens load --help"


@pytest.mark.parametrize(
    ("arguments", "command", "said", "remedy"),
    [
        ("bogus --json", "", "There is no command 'bogus'.", "movielens --help"),
        ("--json bogus", "", "No such option", "movielens --help"),
        ("--json", "", "No such option", "movielens --help"),
        ("data bogus --json", "data", "There is no command 'bogus'.", "movielens data --help"),
        ("data --json", "data", "No such option", "movielens data --help"),
        ("run --json --sauce x", "run", "No such option '--sauce'", "movielens run --help"),
        (
            "data generate --json",
            "data generate",
            "Missing argument 'FOLDER'",
            "movielens data generate --help",
        ),
        (
            "dashboard --port x --json",
            "dashboard",
            "Invalid value for '--port'",
            "movielens dashboard --help",
        ),
    ],
)
def test_wrong_usage_is_json_if_json_was_asked_for(
    cli: Cli, arguments: str, command: str, said: str, remedy: str
) -> None:
    done = cli(*arguments.split())
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (2, "", 1)
    answer = json.loads(done.stdout)
    assert (answer["command"], answer["status"], answer["exit_code"]) == (command, "failed", 2)
    assert answer["error"]["message"].startswith(said)
    assert answer["error"]["remedy"] == remedy


# On a terminal


def on_a_terminal(cli: Cli, *arguments: object, env: dict[str, str] | None = None) -> str:
    """The output sent to a terminal of 80 columns."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    own = {name: value for name, value in os.environ.items() if name not in ("CI", "COLUMNS")}
    given = {**cli.environment(), **own, "TERM": "xterm-256color", **(env or {})}
    for name in ("CI", "COLUMNS"):
        given.pop(name, None)
    command = [str(PROGRAM), *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=cli.folder, env=given, stdin=there, stdout=there, stderr=there
    )
    os.close(there)
    sent = b""
    # A terminal that its last process has closed is an error to read from on Linux.
    with contextlib.suppress(OSError):
        while block := os.read(here, 65536):
            sent += block
    os.close(here)
    process.wait()
    return sent.decode()


def test_progress_keeps_count_and_time_and_cuts_the_name_short(cli: Cli, tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    folder = zone / ("a-folder-with-a-long-name-" * 4)
    write(folder, ratings="userId,movieId,rating,timestamp\n" + "1,2,3.5,x\n1,2,3.5,4\n" * 30_000)
    sent = on_a_terminal(cli, "load", "--source", zone, "--home", tmp_path / "home")
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]+", sent)]
    shown = [line for line in lines if "a-folder-with" in line and line.startswith("Load ")]
    assert shown
    for line in shown:
        assert len(line.rstrip()) <= 80
        assert re.search(r"\b[01]/1 +0:00:\d\d +a-folder-with\S*…", line), line


def test_errors_are_red_unless_no_colour_is_wanted(cli: Cli, tmp_path: Path) -> None:
    where = ("load", "--source", tmp_path / "nowhere")
    assert "\x1b[31mError: " in on_a_terminal(cli, *where)
    assert "\x1b[31m" in on_a_terminal(cli, *where, env={"NO_COLOR": ""})
    plain = on_a_terminal(cli, *where, env={"NO_COLOR": "1"})
    assert "Error: " in plain
    assert not re.search(r"\x1b\[[\d;]*m", plain)


# Answers


def test_a_load_in_words_in_json_and_in_silence(cli: Cli, zone: Path, tmp_path: Path) -> None:
    where = ("--source", zone, "--home", tmp_path / "home")
    words = cli("load", *where)
    assert (words.returncode, words.stderr) == (0, "")
    assert words.stdout.startswith("Loaded     zone: 6 files, 13 rows, 0 rejected (")
    answer = cli.json("load", *where)
    assert (answer["command"], answer["status"], answer["exit_code"]) == ("load", "done", 0)
    assert {file["status"] for file in answer["files"]} == {"unchanged"}
    silent = cli("load", *where, "--quiet")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")


def test_a_failure_in_json_is_one_object_too(cli: Cli, tmp_path: Path) -> None:
    answer = cli.json("load", "--source", tmp_path / "nowhere", exit_code=2)
    assert answer == {
        "command": "load",
        "status": "failed",
        "exit_code": 2,
        "error": {
            "message": f"The landing zone {tmp_path / 'nowhere'} does not exist",
            "remedy": "check MOVIELENS_SOURCE (or --source)",
        },
    }


@pytest.mark.slow
def test_what_looks_like_data_and_is_not_read_is_told_with_advice(
    cli: Cli, zone: Path, tmp_path: Path
) -> None:
    (zone / "ratings.orc").write_text("x")
    (zone / "notes.md").write_text("x")
    where = ("--source", zone, "--home", tmp_path / "home")
    for _ in ("first", "again"):
        told = cli("load", *where).stdout.splitlines()
        advice = "ratings.orc is not CSV, TSV or Parquet by its name; save its rows as ratings.csv"
        assert f"  not read: {advice}, with a header" in told
        assert "  ignored, not MovieLens files: notes.md" in told
    (unread,) = cli.json("load", *where)["unread"]
    assert unread["path"] == "ratings.orc"
    assert cli.json("plan", *where)["unread"] == [unread]
    assert f"! not read: {advice}" in cli("plan", *where).stdout
    findings = cli.json("doctor", *where)["findings"]
    (finding,) = [each for each in findings if each["code"] == "looks-like-movielens"]
    assert finding["status"] == "warning"
    assert "save its rows as ratings.csv" in finding["remedy"]


@pytest.mark.slow
def test_parts_with_the_same_to_tell_are_told_as_one(cli: Cli, zone: Path, tmp_path: Path) -> None:
    where = ("--source", zone, "--home", tmp_path / "home")
    cli("load", *where)
    folder = zone / "tags"
    folder.mkdir()
    for number in range(5):
        part = f"userId,movieId,tag,timestamp\n1,1,tag {number},1000000000\n"
        (folder / f"part-{number}.csv").write_text(part)
    for mark in ("_SUCCESS", ".part-0.csv.crc"):
        (folder / mark).touch()
    assert "+ tags/ (5 files)  about 5 rows" in cli("plan", *where).stdout
    # What Spark puts beside the parts is nothing that anyone has to look at.
    assert len(cli("load", *where).stdout.splitlines()) == 1
    (folder / "_temporary").mkdir()
    told = cli("load", *where).stdout.splitlines()[1:]
    assert [line.partition(",")[0] for line in told] == [
        "  tags/ (5 files): not read any more",
        "  not read: tags is still being written (_temporary is in it)",
    ]
    shutil.rmtree(folder)
    told = cli("load", *where, "--remove-missing").stdout.splitlines()[1:]
    assert told == ["  tags/ (5 files): recorded as removed"]


def test_refused_files_are_exit_code_4_even_in_silence(
    cli: Cli, zone: Path, tmp_path: Path
) -> None:
    write(zone, ratings="userId;movieId;rating;timestamp\n")
    done = cli("load", "--source", zone, "--home", tmp_path / "home", "--quiet")
    assert done.returncode == 4
    assert "  ratings.csv: refused: the columns are separated by semicolons" in done.stdout
    answer = cli.json("load", "--home", tmp_path / "home", exit_code=4)
    (refused,) = [file for file in answer["files"] if file["status"] == "refused"]
    assert refused["path"] == "ratings.csv"


def test_a_run_of_which_every_file_is_refused_says_why(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "zone", ratings="userId;movieId\n", movies="")
    done = cli("run", "--source", tmp_path / "zone", "--home", tmp_path / "home")
    assert done.returncode == 4
    assert "  movies.csv: the file is empty (zero bytes)" in done.stderr
    assert "  ratings.csv: the columns are separated by semicolons" in done.stderr


def test_rejected_rows_are_told_with_their_lines(cli: Cli, zone: Path, tmp_path: Path) -> None:
    write(zone, ratings=RATINGS + "1,2,3.7,964982704\n")
    done = cli("load", "--source", zone, "--home", tmp_path / "home")
    assert done.returncode == 0
    assert (
        "  ratings.csv: 1 row rejected, kept in raw._rejected_rows: "
        "line 5: rating: 3.7 is not a multiple of 0.5" in done.stdout
    )


def test_status_of_nothing_and_of_something(
    cli: Cli, built: Path, home: Path, tmp_path: Path
) -> None:
    nothing = cli("status", "--home", tmp_path / "new")
    assert nothing.stdout.startswith("Nothing is loaded yet.")
    assert not (tmp_path / "new").exists()
    answer = cli.json("status", "--home", home)
    files = [file.stem for file in (built / "zone").glob("*.csv")]
    assert [dataset["dataset"] for dataset in answer["datasets"]] == sorted(map(table_of, files))
    assert answer["published"] == published_version(home / "marts.duckdb")
    assert answer["runs"][0]["status"] == "done"
    assert answer["published"] in cli("status", "--home", home).stdout


def test_output_that_nobody_reads_is_no_failure_to_tell_of(program: Cli, home: Path) -> None:
    process = program.start("status", "--home", home)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.wait()
    process.stderr.close()


# Settings


def origins(answer: dict[str, list[dict[str, str]]]) -> dict[str, tuple[str, str]]:
    return {one["name"]: (one["value"], one["origin"]) for one in answer["settings"]}


def test_config_tells_where_each_value_came_from(cli: Cli) -> None:
    (cli.folder / ".env").write_text("MOVIELENS_KEEP_VERSIONS=7\nMOVIELENS_SOURCE=in-file\n")
    env = {"MOVIELENS_SOURCE": "in-environment", "MOVIELENS_REJECT_ROWS": ""}
    found = origins(cli.json("config", "--home", "given", env=env))
    assert found["home"] == (str(cli.folder / "given"), "option")
    assert found["source"] == ("in-environment", "environment MOVIELENS_SOURCE")
    assert found["keep_versions"] == ("7", ".env")
    assert found["reject_rows"] == ("10", "default")
    assert found["target"] == ("dev", "default")
    assert origins(cli.json("config", "--source", "x", env=env))["source"] == ("x", "option")
    assert not (cli.folder / "given").exists()


@pytest.mark.parametrize(
    ("env", "arguments", "said"),
    [
        ({"MOVIELENS_TARGET": "staging"}, ["config"], "MOVIELENS_TARGET=staging is not valid"),
        ({"MOVIELENS_KEEP_VERSIONS": "0"}, ["status"], "MOVIELENS_KEEP_VERSIONS=0 is not valid"),
        ({"MOVIELENS_REJECT_SHARE": "2"}, ["status"], "MOVIELENS_REJECT_SHARE=2 is not valid"),
        ({}, ["load"], "No landing zone is set"),
        ({"MOVIELENS_SOURCE": ""}, ["load"], "No landing zone is set"),
        ({}, ["load", "--source", ""], "--source is empty"),
        ({}, ["status", "--home", ""], "--home is empty"),
        ({}, ["load", "--source", "gopher://x/y"], "gopher"),
        ({}, ["build"], "Nothing is loaded yet"),
        ({}, ["dashboard"], "Nothing is published yet"),
    ],
)
def test_wrong_settings_are_exit_code_2_with_a_remedy(
    cli: Cli, env: dict[str, str], arguments: list[str], said: str
) -> None:
    done = cli(*arguments, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "  What to do: " in done.stderr


@pytest.mark.parametrize("command", ["publish", "rollback"])
def test_nothing_to_publish_or_to_roll_back_to(cli: Cli, command: str) -> None:
    done = cli(command)
    assert done.returncode == 1
    assert "What to do: " in done.stderr


def test_the_default_home_is_in_the_working_folder(cli: Cli, zone: Path) -> None:
    assert cli("load", "--source", zone).returncode == 0
    assert [path.name for path in cli.folder.iterdir()] == [".movielens"]
    env = {"MOVIELENS_HOME": ""}
    assert cli.json("load", env=env)["load_id"] is None
    assert [path.name for path in cli.folder.iterdir()] == [".movielens"]


# Broken on purpose


def test_a_folder_without_movielens_files(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "zone").mkdir()
    (tmp_path / "zone" / "sales.csv").write_text("a,b\n")
    done = cli("run", "--source", tmp_path / "zone")
    assert done.returncode == 2
    assert "holds no MovieLens file (other files: 1)" in done.stderr


@pytest.mark.parametrize("home", ["/proc/movielens", "/sys/movielens", "taken", "taken/below"])
def test_a_home_that_cannot_be_written_to(cli: Cli, zone: Path, home: str) -> None:
    (cli.folder / "taken").write_text("a file")
    done = cli("load", "--source", zone, "--home", home)
    assert done.returncode == 2
    assert "is not writable" in done.stderr
    assert "MOVIELENS_HOME" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [60, 1500])
def test_no_room_left(program: Cli, tmp_path: Path, kilobytes: int) -> None:
    header, home = "userId,movieId,rating,timestamp\n", tmp_path / "home"
    rows = "".join(
        f"{n},{n * 7919 % 60_000},3.5,{10**9 + n * 104729 % 10**9}\n" for n in range(60_000)
    )
    write(tmp_path / "zone", ratings=header + rows)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

    done = program("load", "--source", tmp_path / "zone", "--home", home, preexec_fn=limit)
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith(f"Error: The disk is full at {home}")
    assert program("load", "--source", tmp_path / "zone", "--home", home).returncode == 0
    found = rows_that_count(home / "warehouse.duckdb", "ratings")
    assert found == rows_in_files(tmp_path / "zone" / "ratings.csv")


@pytest.mark.slow
def test_no_room_left_for_a_build(cli: Cli, program: Cli, home: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    published = (home / "marts.duckdb").read_bytes()
    done = program("build", "--full-refresh", "--home", home, preexec_fn=limit)
    assert done.returncode == 1
    assert "The disk is full at" in done.stderr
    assert (home / "marts.duckdb").read_bytes() == published
    # Whether the room ended before the build began or within it, nothing new can be published.
    cli("publish", "--home", home)
    assert (home / "marts.duckdb").read_bytes() == published


@pytest.mark.parametrize("command", ["load", "run", "build", "publish", "rollback"])
def test_one_run_at_a_time(cli: Cli, zone: Path, tmp_path: Path, command: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    source = ["--source", str(zone)] if command in ("load", "run") else []
    with FileLock(home / "run.lock"):
        error = cli.json(command, "--home", home, *source, exit_code=75)["error"]
    assert error["message"].startswith(f"Another run is in progress in {home}")


def test_two_loads_at_once_load_once(cli: Cli, zone: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    processes = [cli.start("load", "--source", zone, "--home", home) for _ in range(2)]
    for process in processes:
        process.communicate()
    codes = sorted(process.returncode for process in processes)
    assert codes[0] == 0
    assert set(codes) <= {0, 75}
    found = rows_that_count(home / "warehouse.duckdb", "ratings")
    assert found == rows_in_files(zone / "ratings.csv")


@pytest.mark.parametrize("damage", ["start", pytest.param("no database", marks=pytest.mark.slow)])
def test_a_warehouse_that_cannot_be_opened(cli: Cli, home: Path, damage: str) -> None:
    published = (home / "marts.duckdb").read_bytes()
    warehouse = home / "warehouse.duckdb"
    content = bytearray(warehouse.read_bytes())
    if damage == "no database":
        content = bytearray(b"hello\n" * 1000)
    else:
        content[: 3 * 4096] = b"\xa5" * (3 * 4096)
    warehouse.write_bytes(content)
    Path(f"{warehouse}.wal").write_bytes(b"\xa5" * 5000)
    done = cli("status", "--home", home)
    # It answers what it can: what is published, and what was loaded when the last run ended.
    assert (done.returncode, done.stderr) == (0, "")
    assert f"The warehouse {warehouse} is damaged" in done.stdout
    assert "published marts are untouched" in done.stdout
    assert "movielens run sets it aside" in done.stdout
    assert "Published     2" in done.stdout
    done = cli("build", "--home", home)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"The warehouse {warehouse} is damaged" in done.stderr
    assert (home / "marts.duckdb").read_bytes() == published
    # Whoever does what the message says has everything back; a load suffices for RAW.
    source = home.parent / "zone"
    write_six(source)
    done = cli("load", "--home", home, "--source", source)
    assert done.returncode == 0
    assert "It was set aside as warehouse.duckdb.damaged-" in done.stdout
    assert (home / "marts.duckdb").read_bytes() == published
    assert rows_that_count(warehouse, "ratings") == rows_in_files(source / "ratings.csv")


@pytest.mark.slow
def test_damage_in_the_middle_of_the_warehouse(cli: Cli, zone: Path, tmp_path: Path) -> None:
    header, home = "userId,movieId,rating,timestamp\n", tmp_path / "home"
    rows = "".join(
        f"{n},{n * 7919 % 60_000},3.5,{10**9 + n * 104729 % 10**9}\n" for n in range(60_000)
    )
    write(zone, ratings=header + rows)
    assert cli("load", "--source", zone, "--home", home).returncode == 0
    warehouse = home / "warehouse.duckdb"
    content = warehouse.read_bytes()
    write(zone, movies="movieId,title,genres\n9,New,x\n")
    found = 0
    blocks = range(12288 + 8192, len(content), 262144)
    for block in {blocks[0], blocks[-2]}:
        damage = b"\xa5" * 4096
        warehouse.write_bytes(content[:block] + damage + content[block + len(damage) :])
        done = cli("load", "--home", home)
        assert done.returncode == 0, done.stderr
        if "It was set aside as" in done.stdout:
            found += 1
            expected = rows_in_files(zone / "ratings.csv")
            assert rows_that_count(warehouse, "ratings") == expected
    assert found > 0


@pytest.mark.parametrize(
    ("shell", "words", "wanted"),
    [
        ("bash", "movielens ro", {"rollback"}),
        ("zsh", "movielens env dr", {"drop"}),
        ("fish", "movielens query --fo", {"--format"}),
        ("bash", "movielens export --format ", {"parquet", "csv"}),
    ],
)
def test_shells_complete_commands_options_and_choices(
    cli: Cli, shell: str, words: str, wanted: set[str]
) -> None:
    last = words.rpartition(" ")[2]
    position = str(len(words.split(" ")) - 1)
    env = {
        "_MOVIELENS_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": last if shell == "fish" else position,
    }
    found = re.split(r"[\s,]+", cli(env=env).stdout)
    assert wanted <= set(found)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_that_switches_completion_on_is_the_documented_one(cli: Cli, shell: str) -> None:
    documented = (PROJECT / "docs" / "upgrading.md").read_text()
    assert f"_MOVIELENS_COMPLETE={shell}_source movielens" in documented
    done = cli(env={"_MOVIELENS_COMPLETE": f"{shell}_source"})
    assert done.returncode == 0
    assert f"_MOVIELENS_COMPLETE={shell}_complete" in done.stdout
