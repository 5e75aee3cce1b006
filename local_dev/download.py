"""Downloads an official MovieLens release from GroupLens, verifies and unpacks it.

Libraries fell short when tried: pooch starts over when a connection breaks and does not retry a
busy server; pypdl resumes, but hides why it failed.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential
from urllib3.util import Retry

from local_dev.errors import ChecksumMismatch, DownloadUnavailable, InvalidRequest, UnsafeArchive
from local_dev.generate import FILES
from local_dev.staging import (
    Workspace,
    absolute,
    prepared_folder,
    read_marker,
    require_space,
    write_marker,
)

GROUPLENS = "https://files.grouplens.org/datasets/movielens"
_README = frozenset({"README", "README.txt", "README.html"})
_CSV = frozenset({"movies.csv", "ratings.csv", "tags.csv", "links.csv"})


@dataclass(frozen=True)
class Release:
    """One release as GroupLens publishes it.

    Attributes:
        required: Files that it must hold.
        more: Files that are unpacked as well, if it holds them.
        md5: The checksum of its archive. None if GroupLens replaces the archive now and then: then
            the .md5 file beside the archive counts.
        folder: The folder in the archive, if it is not named like the release.
    """

    required: frozenset[str] = _CSV
    more: frozenset[str] = frozenset(FILES) - _CSV
    md5: str | None = None
    folder: str = ""

    @property
    def files(self) -> frozenset[str]:
        """All files that are unpacked."""
        return self.required | self.more | _README


RELEASES: dict[str, Release] = {
    "ml-latest-small": Release(),
    "ml-latest": Release(),
    "ml-32m": Release(md5="d472be332d4daa821edc399621853b57"),
    "ml-25m": Release(md5="6b51fb2759a8657d3bfcbfc42b592ada"),
    "ml-20m": Release(md5="cd245b17a1ae2cc31bb14903e1204af3"),
    "ml-10m": Release(
        required=frozenset({"movies.dat", "ratings.dat", "tags.dat"}),
        more=frozenset(),
        md5="ce571fd55effeba0271552578f2648bd",
        folder="ml-10M100K",
    ),
    "ml-1m": Release(
        required=frozenset({"movies.dat", "ratings.dat"}),
        more=frozenset({"users.dat"}),
        md5="c4d9eecfca2ab87c1945afe126590906",
    ),
    "ml-100k": Release(
        required=frozenset({"u.data", "u.item"}),
        more=frozenset({"u.user"}),
        md5="0e33842e24a9c977be4e0107933c0723",
    ),
}
_RATIO = 100
# A broken connection loses its last piece, so pieces are small.
_PIECE_BYTES = 1 << 16
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30
# How often a broken connection is resumed.
_ATTEMPTS = 5

Progress = Callable[[str, float], None]
"""Called with what is being done, and the share done, from 0 to 1."""


@dataclass(frozen=True)
class DownloadReport:
    """What was downloaded.

    Attributes:
        name: The release.
        folder: The folder that holds its files.
        files: The names of the files.
        fetched_bytes: Bytes sent over the network; 0 if everything was already there.
        seconds: How long it took.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    fetched_bytes: int
    seconds: float


def download(
    name: str,
    folder: Path | str,
    *,
    base_url: str = GROUPLENS,
    progress: Progress | None = None,
) -> DownloadReport:
    """Download a release, verify its checksum and unpack it.

    An interrupted download resumes if the server still has the same file. A folder that already
    holds the release is left as is, even without a network to check for a newer one. The folder
    appears atomically.

    Args:
        name: One of `RELEASES`.
        folder: The folder to create.
        base_url: Where `<name>.zip` is, and for some releases `<name>.zip.md5`.
        progress: Called now and then.

    Returns:
        What was downloaded.

    Raises:
        InvalidRequest: There is no release of that name.
        DownloadUnavailable: There is no network, no answer, or no such file.
        ChecksumMismatch: The download does not match the publisher's checksum.
        UnsafeArchive: The archive is damaged, or not that of a release.
        FolderOccupied: The folder holds something else.
        FolderBusy: Another process is writing the same folder.
        FolderNotWritable: The folder cannot be written.
        DiskFull: The disk has no room.
    """
    started = time.perf_counter()
    if name not in RELEASES:
        raise InvalidRequest(f"There is no release {name!r}.", f"One of: {', '.join(RELEASES)}.")
    target = absolute(Path(folder))
    url = f"{base_url.rstrip('/')}/{name}.zip"
    fetched = 0
    with _session() as session:
        md5 = _md5_to_have(session, url, target, name)
        if _held(target, name) != md5:
            with prepared_folder(target, name, sorted(RELEASES[name].files)) as work:
                fetched = _fetch_verified(session, url, work, md5, progress)
                _unpack(work, name, progress)
                write_marker(work.data, {"edition": name, "zip_md5": md5})
                _archive(work).unlink()
                _etag(_archive(work)).unlink(missing_ok=True)
    expected = RELEASES[name].files
    files = tuple(sorted(path.name for path in target.iterdir() if path.name in expected))
    return DownloadReport(name, target, files, fetched, time.perf_counter() - started)


def _held(target: Path, name: str) -> str | None:
    """The checksum of the archive the folder was unpacked from, if the folder is complete."""
    marker = read_marker(target)
    whole = all((target / file).exists() for file in RELEASES[name].required)
    return str(marker.get("zip_md5")) if whole and marker.get("edition") == name else None


def _md5_to_have(session: requests.Session, url: str, target: Path, name: str) -> str:
    known = RELEASES[name].md5
    if known:
        return known
    try:
        return _published_md5(session, url)
    except DownloadUnavailable:
        held = _held(target, name)
        if held is None:
            raise
        return held


def _session() -> requests.Session:
    # An unreachable host fails at once; a busy one is retried.
    retries = Retry(
        total=4,
        connect=0,
        read=False,  # not 0, which would hide that it was a time-out
        backoff_factor=0.5,
        status_forcelist=(500, 502, 503, 504),
        raise_on_status=False,
        retry_after_max=_READ_SECONDS,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retries))
    return session


@contextmanager
def _network_errors_explained(url: str) -> Iterator[None]:
    try:
        yield
    except requests.RequestException as error:
        raise DownloadUnavailable(
            f"{_shown(url)} cannot be downloaded: {_reason(error)}. Is there a network?",
            "Try again later (the download resumes), get the file by other means and name its "
            "folder with --source, or generate data with: movielens data generate FOLDER",
        ) from error


_REASONS = (
    (requests.exceptions.ConnectTimeout, f"no connection within {_CONNECT_SECONDS:.0f} seconds"),
    (requests.exceptions.ReadTimeout, "the server stopped answering"),
    (requests.exceptions.SSLError, "its certificate was rejected"),
    (requests.exceptions.ProxyError, "the proxy refused"),
    (requests.exceptions.ConnectionError, "no connection to the server"),
)


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, _CutOff):
        return "the connection kept breaking"
    named = (words for kind, words in _REASONS if isinstance(error, kind))
    return next(named, f"no usable answer ({type(error).__name__})")


def _shown(url: str) -> str:
    """The URL without any user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _get(
    session: requests.Session, url: str, headers: dict[str, str] | None = None
) -> requests.Response:
    timeout = (_CONNECT_SECONDS, _READ_SECONDS)
    # No transfer compression: counting and resuming need the bytes of the file.
    plain = {"Accept-Encoding": "identity", **(headers or {})}
    return session.get(url, headers=plain, stream=True, timeout=timeout)


def _published_md5(session: requests.Session, url: str) -> str:
    with _network_errors_explained(url + ".md5"), _get(session, url + ".md5") as response:
        response.raise_for_status()
        # Seen: `<md5>  <file>` and `MD5 (<file>) = <md5>`.
        found = re.search(r"\b[0-9a-fA-F]{32}\b", response.text)
    if found is None:
        raise DownloadUnavailable(
            f"{_shown(url)}.md5 holds no checksum, so the download cannot be verified.",
            "Try again later, or check MOVIELENS_DOWNLOAD_URL.",
        )
    return found[0].lower()


def _archive(work: Workspace) -> Path:
    return work.root / "release.zip"


def _etag(archive: Path) -> Path:
    return archive.with_suffix(".etag")


def _fetch_verified(
    session: requests.Session, url: str, work: Workspace, md5: str, progress: Progress | None
) -> int:
    archive = _archive(work)
    fetched = 0
    continued = archive.exists()
    while not archive.exists() or _md5(archive) != md5:
        with _network_errors_explained(url):
            fetched += _fetch(session, url, archive, progress)
        if _md5(archive) != md5:
            archive.unlink()
            if not continued:
                raise _mismatch(url, md5)
            # The resumed part may come from another version of the file: restart once.
            continued = False
    return fetched


def _mismatch(url: str, md5: str) -> ChecksumMismatch:
    return ChecksumMismatch(
        f"{_shown(url)} does not match its publisher's checksum ({md5}). "
        "The download was discarded.",
        "Run the command again; if that fails too, the file at that address is damaged.",
    )


_BROKEN = (
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ConnectionError,
    requests.exceptions.ReadTimeout,
)


class _CutOff(requests.RequestException):
    """The connection broke after part of the file had arrived."""


@retry(
    retry=retry_if_exception_type(_CutOff),
    stop=stop_after_attempt(_ATTEMPTS),
    wait=wait_exponential(multiplier=0.1, max=5),
    reraise=True,
)
def _fetch(session: requests.Session, url: str, to: Path, progress: Progress | None) -> int:
    """Downloads the rest of a file; returns the bytes that arrived in this attempt."""
    etag_file = _etag(to)
    have = to.stat().st_size if to.exists() and etag_file.exists() else 0
    headers = {}
    if have:
        headers = {"Range": f"bytes={have}-", "If-Range": etag_file.read_text()}
    with _get(session, url, headers) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return 0
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            have = 0
        _remember(etag_file, response)
        total = have + int(response.headers.get("Content-Length", 0))
        require_space(to, total - have)
        return _write(response, to, have, total, progress)


def _remember(etag_file: Path, response: requests.Response) -> None:
    """Only a strong ETag proves that a resumed part belongs to the same file."""
    etag = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        etag_file.write_text(etag)
    else:
        etag_file.unlink(missing_ok=True)


def _write(
    response: requests.Response, to: Path, have: int, total: int, progress: Progress | None
) -> int:
    fetched = 0
    with to.open("ab" if have else "wb") as stream:
        try:
            for piece in response.iter_content(_PIECE_BYTES):
                stream.write(piece)
                fetched += len(piece)
                if progress:
                    progress("downloading", min(1.0, (have + fetched) / max(total, 1)))
        except _BROKEN as error:
            raise _CutOff(*error.args) from error
    return fetched


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unpack(work: Workspace, name: str, progress: Progress | None) -> None:
    try:
        with zipfile.ZipFile(_archive(work)) as archive:
            members = _checked(archive, name)
            require_space(work.data, sum(member.file_size for member in members.values()))
            for done, (file, member) in enumerate(members.items()):
                if progress:
                    progress(f"unpacking {file}", done / len(members))
                with archive.open(member) as source, (work.data / file).open("wb") as target:
                    shutil.copyfileobj(source, target, _PIECE_BYTES)
    except _DAMAGED as error:
        raise _unsafe(work, f"is damaged ({error})") from error
    except _Unsafe as unsafe:
        raise _unsafe(work, str(unsafe)) from unsafe


# What zipfile raises for damaged members or unknown compression.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


class _Unsafe(Exception):
    pass


def _unsafe(work: Workspace, why: str) -> UnsafeArchive:
    _archive(work).unlink(missing_ok=True)
    return UnsafeArchive(
        f"The archive {why}. Nothing was unpacked, and it was discarded.",
        "Check MOVIELENS_DOWNLOAD_URL, then run the command again.",
    )


def _checked(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    release = RELEASES[name]
    folder = release.folder or name
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise _Unsafe(f"holds {member.filename!r}, a path outside it")
        if member.is_dir() or path.parts[0] != folder or path.name not in release.files:
            continue
        if len(path.parts) != 2 or path.name in members:
            raise _Unsafe(f"holds {path.name} more than once or nested too deep")
        if member.flag_bits & 0x1:
            raise _Unsafe(f"holds {path.name} encrypted")
        if member.file_size > _RATIO * max(member.compress_size, 1):
            raise _Unsafe(f"holds {path.name}, which unpacks to over {_RATIO} times its size")
        members[path.name] = member
    missing = sorted(release.required - members.keys())
    if missing:
        raise _Unsafe(f"is not a MovieLens release: {', '.join(missing)} missing")
    return members
