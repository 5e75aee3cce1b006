"""`data download` against a real HTTP server on this machine, well-behaved and not."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import pytest

from local_dev.cli.data import download as download_command
from local_dev.download import RELEASES, download
from local_dev.errors import (
    ChecksumMismatch,
    DownloadUnavailable,
    FolderOccupied,
    InvalidRequest,
    UnsafeArchive,
)

NAME = "ml-latest-small"
MEMBERS = {
    "movies.csv": b"movieId,title,genres\n1,Toy Story (1995),Comedy\n",
    "ratings.csv": b"userId,movieId,rating,timestamp\n1,1,4.0,964982703\n",
    "tags.csv": b"userId,movieId,tag,timestamp\n",
    "links.csv": b"movieId,imdbId,tmdbId\n1,0114709,862\n",
    # Big enough to be cut, and noise, so that it does not pack.
    "README.txt": Random(1).randbytes(400_000),
}
PIECE = 65_536


def release(members: dict[str, bytes] | None = None, folder: str = NAME) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (members or MEMBERS).items():
            archive.writestr(f"{folder}/{name}", content)
    return packed.getvalue()


@dataclass
class Publisher:
    """A server that publishes one release, and the ways in which it may fail."""

    content: bytes = field(default_factory=release)
    checksum: str | None = None
    checksum_form: str = "{md5}  {name}.zip\n"
    etag: str | None = '"one"'
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    hang: threading.Event | None = None
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    publisher: Publisher

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self.publisher.requests.append((self.path, self.headers.get("Range")))
        if self.publisher.hang:
            self.publisher.hang.wait(30)
            self.close_connection = True
        elif self.path.endswith(".md5"):
            self._checksum()
        elif self.publisher.statuses:
            self.send_error(self.publisher.statuses.pop(0))
        else:
            self._archive()

    def _checksum(self) -> None:
        md5 = self.publisher.checksum or hashlib.md5(self.publisher.content).hexdigest()
        self._send(200, self.publisher.checksum_form.format(md5=md5, name=NAME).encode())

    def _archive(self) -> None:
        start = 0
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range") == self.publisher.etag
        if self.publisher.ranges and wanted and same:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self._send(206 if start else 200, self.publisher.content[start:])

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.publisher.etag:
            self.send_header("ETag", self.publisher.etag)
        self.end_headers()
        if self.publisher.cut_after and not self.path.endswith(".md5"):
            body = body[: self.publisher.cut_after.pop(0)]
            self.close_connection = True
        self.wfile.write(body)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Bound", (Handler,), {"publisher": publisher})
    )
    publisher.url = f"http://127.0.0.1:{server.server_port}/movielens/"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield publisher
    server.shutdown()
    server.server_close()
    thread.join()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def downloaded(publisher: Publisher, folder: Path) -> int:
    return download(NAME, folder, base_url=publisher.url).fetched_bytes


@pytest.mark.parametrize("form", ["{md5}  {name}.zip\n", "MD5 ({name}.zip) = {md5}\n"])
def test_a_release_arrives_whole(publisher: Publisher, tmp_path: Path, form: str) -> None:
    publisher.checksum_form = form
    report = download(NAME, tmp_path / "data", base_url=publisher.url)
    assert report.fetched_bytes == len(publisher.content)
    assert report.files == tuple(sorted(MEMBERS))
    found = contents(tmp_path / "data")
    md5 = hashlib.md5(publisher.content).hexdigest()
    assert json.loads(found.pop("movielens.json")) == {"edition": NAME, "zip_md5": md5}
    assert found == MEMBERS
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_is_there_is_not_fetched_again(publisher: Publisher, tmp_path: Path) -> None:
    downloaded(publisher, tmp_path / "data")
    publisher.requests.clear()
    assert downloaded(publisher, tmp_path / "data") == 0
    assert publisher.requests == [(f"/movielens/{NAME}.zip.md5", None)]


def test_a_new_release_of_the_same_name_replaces_the_old(
    publisher: Publisher, tmp_path: Path
) -> None:
    downloaded(publisher, tmp_path / "data")
    newer = {**MEMBERS, "links.csv": b"movieId,imdbId,tmdbId\n"}
    publisher.content, publisher.etag = release(newer), '"two"'
    downloaded(publisher, tmp_path / "data")
    assert (tmp_path / "data" / "links.csv").read_bytes() == newer["links.csv"]


def test_a_cut_connection_is_continued(publisher: Publisher, tmp_path: Path) -> None:
    publisher.cut_after = [3 * PIECE + 5, PIECE + 5]
    downloaded(publisher, tmp_path / "data")
    ranges = [wanted for path, wanted in publisher.requests if path.endswith(".zip")]
    assert ranges == [None, f"bytes={3 * PIECE}-", f"bytes={4 * PIECE}-"]
    assert (tmp_path / "data" / "movies.csv").read_bytes() == MEMBERS["movies.csv"]


def test_a_later_command_continues_what_an_earlier_one_had(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.cut_after = [PIECE] * 5
    with pytest.raises(DownloadUnavailable, match="cannot be downloaded"):
        downloaded(publisher, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    publisher.requests.clear()
    assert downloaded(publisher, tmp_path / "data") == len(publisher.content) - 5 * PIECE
    assert publisher.requests[-1] == (f"/movielens/{NAME}.zip", f"bytes={5 * PIECE}-")


@pytest.mark.slow
@pytest.mark.parametrize("change", ["no ranges", "another file", "no etag"])
def test_it_starts_again_when_it_cannot_continue(
    publisher: Publisher, tmp_path: Path, change: str
) -> None:
    publisher.cut_after = [PIECE] * 5
    if change == "no etag":
        publisher.etag = None
    with pytest.raises(DownloadUnavailable):
        downloaded(publisher, tmp_path / "data")
    if change == "no ranges":
        publisher.ranges = False
    if change == "another file":
        newer = {**MEMBERS, "tags.csv": MEMBERS["tags.csv"] + b"1,1,fun,964982703\n"}
        publisher.content, publisher.etag = release(newer), '"two"'
    assert downloaded(publisher, tmp_path / "data") == len(publisher.content)


def test_a_wrong_checksum_leaves_nothing(publisher: Publisher, tmp_path: Path) -> None:
    publisher.checksum = "0" * 32
    with pytest.raises(ChecksumMismatch, match="discarded"):
        downloaded(publisher, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    publisher.checksum = None
    assert downloaded(publisher, tmp_path / "data") == len(publisher.content)


def test_a_mixture_of_two_files_is_fetched_again_from_the_start(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.cut_after = [PIECE] * 5
    with pytest.raises(DownloadUnavailable, match="kept breaking"):
        downloaded(publisher, tmp_path / "data")
    # The server calls another file by the old ETag.
    publisher.content = release({**MEMBERS, "README.txt": Random(2).randbytes(400_000)})
    downloaded(publisher, tmp_path / "data")
    assert (tmp_path / "data" / "README.txt").read_bytes() == Random(2).randbytes(400_000)


def test_a_full_disk_is_said_and_the_download_goes_on_later(
    publisher: Publisher, tmp_path: Path
) -> None:
    # A limit on the size of files is the full disk that a test can have without being root.
    code = (
        "import resource, sys; from local_dev.download import download;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        f"download({NAME!r}, sys.argv[1], base_url=sys.argv[2])"
    )
    folder = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), publisher.url], capture_output=True, text=True
    )
    assert "DiskFull: The disk has no room" in done.stderr
    assert not folder.exists()
    assert 0 < downloaded(publisher, folder) < len(publisher.content)


def test_a_busy_server_is_asked_again(publisher: Publisher, tmp_path: Path) -> None:
    publisher.statuses = [503, 503]
    assert downloaded(publisher, tmp_path / "data") == len(publisher.content)


def test_a_silent_server_is_given_up(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_dev.download._READ_SECONDS", 0.3)
    publisher.hang = threading.Event()
    with pytest.raises(DownloadUnavailable, match="stopped answering"):
        downloaded(publisher, tmp_path / "data")
    publisher.hang.set()


def test_a_missing_release_is_said(publisher: Publisher, tmp_path: Path) -> None:
    publisher.statuses = [404]
    with pytest.raises(DownloadUnavailable, match="answered 404"):
        downloaded(publisher, tmp_path / "data")


def test_no_network_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DownloadUnavailable, match="Is there a network") as caught:
        download(NAME, tmp_path / "data", base_url="http://127.0.0.1:9/movielens")
    assert "movielens data generate" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_needs_no_network(publisher: Publisher, tmp_path: Path) -> None:
    downloaded(publisher, tmp_path / "data")
    report = download(NAME, tmp_path / "data", base_url="http://127.0.0.1:9/movielens")
    assert report.fetched_bytes == 0
    assert report.files == tuple(sorted(MEMBERS))


def test_a_password_in_the_address_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(DownloadUnavailable, match="no connection to the server") as caught:
        download(NAME, tmp_path / "data", base_url="http://me:secret@127.0.0.1:9/movielens")
    assert "secret" not in str(caught.value)


OLD = {
    "ml-100k": ("ml-100k", {"u.data": b"1", "u.item": b"2", "u.user": b"3", "README": b"4"}),
    "ml-1m": ("ml-1m", {"ratings.dat": b"1", "movies.dat": b"2", "users.dat": b"3"}),
    "ml-10m": ("ml-10M100K", {"ratings.dat": b"1", "movies.dat": b"2", "tags.dat": b"3"}),
}


@pytest.mark.parametrize("name", OLD)
def test_a_release_with_a_known_checksum_needs_none_from_the_server(
    publisher: Publisher, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, members = OLD[name]
    publisher.content = release({**members, "u1.base": b"x"}, folder)
    with pytest.raises(ChecksumMismatch, match=str(RELEASES[name].md5)):
        download(name, tmp_path / "data", base_url=publisher.url)
    assert not (tmp_path / "data").exists()
    known = replace(RELEASES[name], md5=hashlib.md5(publisher.content).hexdigest())
    monkeypatch.setitem(RELEASES, name, known)
    publisher.requests.clear()
    report = download(name, tmp_path / "data", base_url=publisher.url)
    assert report.files == tuple(sorted(members))
    assert {path for path, _ in publisher.requests} == {f"/movielens/{name}.zip"}
    found = contents(tmp_path / "data")
    assert json.loads(found.pop("movielens.json"))["edition"] == name
    assert found == members


def test_every_release_is_named_by_the_command() -> None:
    text = " ".join((download_command.help or "").split())
    (names,) = re.findall(r"Names: ([\w, -]+)\.", text)
    assert names.split(", ") == list(RELEASES)


def test_an_unknown_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="ml-99m") as caught:
        download("ml-99m", tmp_path / "data")
    assert "ml-32m" in caught.value.remedy


def corrupted() -> bytes:
    """An archive whose README does not unpack to what its table of contents says."""
    content = bytearray(release())
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


def encrypted() -> bytes:
    """An archive whose table of contents calls every member encrypted."""
    content = bytearray(release())
    place = 0
    while (place := content.find(b"PK\x01\x02", place) + 1) > 0:
        content[place + 7] |= 1
    return bytes(content)


BAD_ARCHIVES = {
    "encrypted": encrypted(),
    "is damaged .*README": corrupted(),
    "more than once or nested too deep": release({**MEMBERS, "deep/movies.csv": b"x"}),
    "a path outside it": release({**MEMBERS, "../../movies.csv": b"x"}),
    "unpacks to over 100 times": release({**MEMBERS, "tags.csv": b"0" * 1_000_000}),
    "links.csv missing": release({k: v for k, v in MEMBERS.items() if k != "links.csv"}),
    "ratings.csv, tags.csv missing": release(folder="other"),
    "is damaged": b"PK\x03\x04 not an archive",
}


@pytest.mark.parametrize("why", BAD_ARCHIVES)
def test_an_unsafe_archive_is_not_unpacked(publisher: Publisher, tmp_path: Path, why: str) -> None:
    publisher.content = BAD_ARCHIVES[why]
    with pytest.raises(UnsafeArchive, match=why):
        downloaded(publisher, tmp_path / "data")
    assert list(tmp_path.rglob("*.csv")) == []


def test_unexpected_members_stay_packed(publisher: Publisher, tmp_path: Path) -> None:
    publisher.content = release({**MEMBERS, "setup.sh": b"echo", "deep/movies.csv.bak": b""})
    downloaded(publisher, tmp_path / "data")
    assert contents(tmp_path / "data").keys() == MEMBERS.keys() | {"movielens.json"}


def test_somebody_elses_folder_is_left_alone(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FolderOccupied, match=r"mine\.txt"):
        downloaded(publisher, tmp_path)
    assert contents(tmp_path) == {"mine.txt": b"mine"}
