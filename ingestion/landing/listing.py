"""The landing zone: which files are there, which dataset each is of, which version."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast

import fsspec

from ingestion.datasets import DATASETS, MARKER
from ingestion.errors import SourceError
from ingestion.landing.lookalikes import Lookalike, in_words, lookalike
from ingestion.landing.readme import LONGEST, Readme, is_readme, parse
from ingestion.landing.stores import files_of, open_store

if TYPE_CHECKING:
    from dlt.common.storages.fsspec_filesystem import FileItemDict
    from dlt.extract import DltResource

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".zip": "zip"}


@dataclass(frozen=True)
class LandingFile:
    """One MovieLens file as it was listed.

    Attributes:
        path: Path relative to the landing zone, with `/`.
        key: What its file system opens it by.
        dataset: The RAW table its rows belong to.
        version: What identifies its content without reading it.
        bytes: Size as stored.
        compression: `gzip`, `bz2`, `zstd`, `zip` or None.
        modified: When the store says it was written, in seconds since 1970; 0 if it does not say.
        etag: What S3 calls its content by, in quotes; None elsewhere.
    """

    path: str
    key: str
    dataset: str
    version: str
    bytes: int
    compression: str | None
    modified: float
    etag: str | None = None


@dataclass(frozen=True)
class LandingZone:
    """One listing of a landing zone.

    Attributes:
        url: The landing zone as a URL (`file:///…`, `s3://…`).
        edition: The MovieLens edition its files are of, or `generated`.
        files: The MovieLens files, by path.
        ignored: Paths of the other files.
        unread: Those of them that look like MovieLens data, and what to do about each.
        fs: The file system that opens them.
        readme: What the release's README states; None if there is none that states counts.
    """

    url: str
    edition: str
    files: dict[str, LandingFile]
    ignored: list[str]
    unread: list[Lookalike]
    fs: fsspec.AbstractFileSystem = field(repr=False)
    readme: Readme | None = None

    @property
    def fingerprint(self) -> str:
        """Identifies the landing zone, the version of each file, and what the README states."""
        digest = hashlib.sha256(f"{self.url}\0{self.readme}".encode())
        for path, file in sorted(self.files.items()):
            digest.update(f"\n{path}\0{file.version}".encode())
        return digest.hexdigest()


def _stem_and_compression(name: str) -> tuple[str, str | None] | None:
    suffix = PurePosixPath(name).suffix.lower()
    compression = COMPRESSIONS.get(suffix)
    stem = name[: -len(suffix)] if compression else name
    if stem.lower().endswith(".csv"):
        return stem[: -len(".csv")], compression
    # `ratings.zip` holds one CSV file, whatever its name inside.
    return (stem, compression) if compression == "zip" else None


def _names(dataset_file_name: str, name: str) -> bool:
    normalised = name.lower().replace("_", "-")
    pattern = rf"{re.escape(dataset_file_name)}(?![a-z])"
    return re.match(pattern, normalised) is not None


def classify(path: str) -> tuple[str, str | None] | None:
    """Tells which dataset a path belongs to.

    A file belongs to the dataset that its name starts with, else to the one that the nearest
    folder it is in is named after; `ratings.csv` may be a folder, too, as Spark writes it.

    Args:
        path: Path relative to the landing zone.

    Returns:
        The RAW table and the compression (None: plain), or None for any other file.
    """
    pure = PurePosixPath(path)
    readable = _stem_and_compression(pure.name)
    if readable is None or any(part.startswith(".") for part in pure.parts):
        return None
    stem, compression = readable
    for dataset in DATASETS.values():
        if _names(dataset.file_name, stem):
            return dataset.table, compression
    for folder in reversed(pure.parts[:-1]):
        for dataset in DATASETS.values():
            if folder.lower().replace("_", "-").removesuffix(".csv") == dataset.file_name:
                return dataset.table, compression
    return None


def by_time(file: LandingFile) -> tuple[float, str]:
    """Puts files in the order in which they get their file ids.

    Of two files that contradict each other, the larger file id wins. In this order that is the
    later file, in one load of all files as in one load after each. Only a file whose time is not
    the one at which its content came (moved there with an older time, or touched since) may get
    another place when everything is loaded anew.

    Args:
        file: One file of the landing zone.

    Returns:
        What to sort by: its time, then its path.
    """
    return file.modified, file.path


def _moment(info: Mapping[str, Any]) -> Any:
    moment = info.get("mtime") or info.get("LastModified") or info.get("created")
    # Some file systems list a number and, asked for one file, give a date.
    return moment.timestamp() if isinstance(moment, datetime) else moment


def _modified(info: Mapping[str, Any]) -> float:
    moment = _moment(info)
    return float(moment) if isinstance(moment, int | float) else 0.0


def _version(info: Mapping[str, Any]) -> str:
    """The version id or ETag where the store has one, else size and modification time."""
    etag = info.get("ETag") or info.get("etag")
    if etag:
        parts = [str(info.get("VersionId") or ""), str(etag).strip('"'), str(info["size"])]
        return ":".join(part for part in parts if part)
    return f"{info['size']}:{_moment(info)}"


def listed_version(fs: fsspec.AbstractFileSystem, key: str) -> str:
    """Asks the store again for the version of one file.

    Args:
        fs: The file system.
        key: What it opens the file by.

    Returns:
        The version, comparable with `LandingFile.version`.

    Raises:
        FileNotFoundError: If the file is gone.
    """
    fs.invalidate_cache()
    return _version(fs.info(key))


def _edition(fs: fsspec.AbstractFileSystem, root: str, readme: Readme | None) -> str:
    try:
        marker = json.loads(fs.cat_file(f"{root}/{MARKER}"))
        return str(marker["edition"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        named = readme.edition if readme else None
        return named or PurePosixPath(root).name or "movielens"


def _readme(
    fs: fsspec.AbstractFileSystem,
    root: str,
    found: Mapping[str, Mapping[str, Any]],
    files: Mapping[str, LandingFile],
) -> Readme | None:
    """Reads the newest README that is in a folder with MovieLens files, or above one."""
    folders = {parent for path in files for parent in PurePosixPath(path).parents}
    candidates = []
    for key, info in found.items():
        path = PurePosixPath(_in_utf8(key.removeprefix(root).lstrip("/")))
        if is_readme(path.name) and path.parent in folders and info["type"] == "file":
            candidates.append((_modified(info), str(path), key))
    if not candidates:
        return None
    _, newest, key = max(candidates)
    try:
        text = fs.cat_file(key, start=0, end=LONGEST).decode(errors="replace")
    except (OSError, ValueError):  # it is no part of the data, and may be closed to this user
        return None
    return parse(newest, text)


def _files(fs: fsspec.AbstractFileSystem, root: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = fs.find(root, detail=True, withdirs="file" in fs.protocol)
    folders = [key for key, info in found.items() if info["type"] == "directory"]
    for folder in folders:
        # It would be left out in silence, and its files would look as if they had been deleted.
        if not os.access(folder, os.R_OK | os.X_OK):
            raise PermissionError(f"the folder {folder} in it is closed to this user")
        del found[folder]
    return found


def _find(fs: fsspec.AbstractFileSystem, root: str, source: str) -> dict[str, dict[str, Any]]:
    remedy = "check MOVIELENS_SOURCE (or --source)"
    try:
        if not fs.isdir(root):
            what = "is a file, not a folder" if fs.exists(root) else "does not exist"
            raise SourceError(f"The landing zone {source} {what}", remedy)
        found = _files(fs, root)
    except PermissionError as error:
        raise SourceError(
            f"The landing zone {source} may not be listed: {error}",
            _permission(fs, root),
        ) from None
    except SourceError:
        raise
    except Exception as error:  # Each store's client has exceptions of its own.
        raise SourceError(
            f"The landing zone {source} cannot be listed: {type(error).__name__}: {error}",
            f"{remedy}, the store's credentials (AWS_*) and that it can be reached",
        ) from None
    return found


def _permission(fs: fsspec.AbstractFileSystem, root: str) -> str:
    if "s3" not in fs.protocol:
        return "grant read permission on the folder and those in it"
    bucket = root.partition("/")[0]
    return (
        f"permit s3:ListBucket on arn:aws:s3:::{bucket} to the credentials in use; "
        "movielens doctor says whether it is they that are refused"
    )


def _behind_link(
    fs: fsspec.AbstractFileSystem, key: str, listed: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A symbolic link counts as what it points to; one that points nowhere as nothing."""
    if not listed.get("islink"):
        return listed
    try:
        return cast("dict[str, Any]", fs.info(key))
    except OSError:
        return {**listed, "type": "broken link"}


def _in_utf8(path: str) -> str:
    r"""A local name may be any bytes; what is not UTF-8 is shown as in `\xff`."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def list_landing_zone(source: str | DltResource) -> LandingZone:
    """Lists a landing zone, at any depth.

    Args:
        source: A folder or a URL that fsspec knows, such as `s3://bucket/prefix`; or a
            `filesystem(...)` of dlt, of which only the files that it yields count.

    Returns:
        The MovieLens files with their versions, and the names of all others.

    Raises:
        SourceError: If it does not exist, may not be listed or holds no MovieLens file.
    """
    if isinstance(source, str):
        fs, root = open_store(source)
        zone = _zone(fs, root, _find(fs, root, source))
    elif files := files_of(source):
        zone = zone_of(files)
    else:
        url = source.explicit_args.get("bucket_url") or "that dlt is configured with"
        raise _nothing_to_read(str(url), [], [])
    if not zone.files:
        url = source if isinstance(source, str) else zone.url
        raise _nothing_to_read(url, zone.ignored, zone.unread)
    return zone


def zone_of(items: Sequence[FileItemDict]) -> LandingZone:
    """Makes a landing zone of files that dlt's filesystem source yielded.

    What dlt says of a file does not identify its content, as S3's ETag does; so they are listed
    once more.

    Args:
        items: The files, all of one `filesystem(...)`.

    Returns:
        The MovieLens files among them, if any, with their versions; and the names of the others.

    Raises:
        SourceError: If they may not be listed.
    """
    fs, root = items[0].fsspec, _root(items)
    found = _find(fs, root, _url(fs, root))
    selected = {f"{root}/{item['relative_path']}" for item in items}
    for key in selected - found.keys():  # behind a link to a folder, which dlt follows
        with suppress(OSError):
            found[key] = fs.info(key)
    return _zone(fs, root, found, selected)


def _root(items: Sequence[FileItemDict]) -> str:
    """The folder that dlt listed, by a file in it that is no link: those it gives resolved."""
    for item in items:
        is_local = "file" in item.fsspec.protocol
        key = item.local_file_path if is_local else item.fsspec._strip_protocol(item["file_url"])
        if key.endswith(f"/{item['relative_path']}"):
            return str(key[: -len(item["relative_path"]) - 1])
    raise SourceError(
        f"dlt gives {items[0]['file_url']} and other links, but not the folder that they are in",
        "give the folder itself instead of filesystem(...)",
    )


def _url(fs: fsspec.AbstractFileSystem, root: str) -> str:
    """The landing zone as a URL; of a server, such as that of SFTP, with its name."""
    url = str(fs.unstrip_protocol(root))
    host = getattr(fs, "host", None)
    return url.replace("://", f"://{host}", 1) if isinstance(host, str) else url


def _zone(
    fs: fsspec.AbstractFileSystem,
    root: str,
    found: Mapping[str, Mapping[str, Any]],
    selected: Collection[str] | None = None,
) -> LandingZone:
    files: dict[str, LandingFile] = {}
    ignored: list[str] = []
    for key, listed in sorted(found.items()):
        if selected is not None and key not in selected:
            continue
        path = _in_utf8(key.removeprefix(root).lstrip("/"))
        kind = classify(path)
        info = _behind_link(fs, key, listed)
        if kind is None or info["type"] != "file":
            ignored.append(path)
            continue
        dataset, compression = kind
        version, modified = _version(info), _modified(info)
        files[path] = LandingFile(
            path, key, dataset, version, info["size"], compression, modified, info.get("ETag")
        )
    readme = _readme(fs, root, found, files)
    own = {readme.path} if readme else set[str]()
    ignored = [p for p in ignored if p not in own and PurePosixPath(p).name != MARKER]
    unread = [one for one in map(_unread, ignored) if one]
    return LandingZone(
        url=_url(fs, root),
        edition=_edition(fs, root, readme),
        files=files,
        ignored=ignored,
        unread=unread,
        fs=fs,
        readme=readme,
    )


def _unread(path: str) -> Lookalike | None:
    if classify(path) is not None:
        return Lookalike(
            path, "is no file, or a link that leads to none; put the file itself there"
        )
    return lookalike(path)


def _nothing_to_read(source: str, ignored: list[str], unread: list[Lookalike]) -> SourceError:
    names = ", ".join(f"{d.file_name}.csv" for d in DATASETS.values())
    told = "".join(f"\n  {line}" for line in in_words(unread))
    return SourceError(
        f"The landing zone {source} holds no MovieLens file (other files: {len(ignored)}){told}",
        f"put files there whose names start as in {names}; or try: movielens demo",
    )
