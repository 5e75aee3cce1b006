"""Lists a landing zone: its files, the dataset each belongs to, and its version."""

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
        key: The key its file system opens it by.
        dataset: The RAW table its rows belong to.
        version: Identifies its content without reading it.
        bytes: Size as stored.
        compression: `gzip`, `bz2`, `zstd`, `zip` or None.
        modified: When it was written, in seconds since 1970; 0 if the store does not say.
        etag: S3's ETag, in quotes; None elsewhere.
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
        edition: The MovieLens edition of its files, or `generated`.
        files: The MovieLens files, by path.
        ignored: Paths of all other files.
        unread: Ignored paths that look like MovieLens data, each with advice.
        fs: The file system that opens them.
        readme: Counts from the release's README; None if no README states any.
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
        """A hash of the landing zone's URL, the version of each file, and the README's counts."""
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
    # `ratings.zip` holds one CSV file, under any name.
    return (stem, compression) if compression == "zip" else None


def _names(dataset_file_name: str, name: str) -> bool:
    normalised = name.lower().replace("_", "-")
    pattern = rf"{re.escape(dataset_file_name)}(?![a-z])"
    return re.match(pattern, normalised) is not None


def classify(path: str) -> tuple[str, str | None] | None:
    """Finds the dataset a path belongs to.

    That is the dataset its file name starts with, else the one the nearest folder is named after;
    `ratings.csv` may also be a folder, as Spark writes it.

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
    """Sort key for assigning file ids: modification time, then path.

    Where two files contradict each other, the larger file id wins. In this order that is the later
    file, whether they are loaded together or one by one. Only a file whose time is not that of its
    content (moved in with an older time, or touched since) may change places in a full reload.
    """
    return file.modified, file.path


def _moment(info: Mapping[str, Any]) -> Any:
    moment = info.get("mtime") or info.get("LastModified") or info.get("created")
    # Some file systems list a number, but return a date for a single file.
    return moment.timestamp() if isinstance(moment, datetime) else moment


def _modified(info: Mapping[str, Any]) -> float:
    moment = _moment(info)
    return float(moment) if isinstance(moment, int | float) else 0.0


def _version(info: Mapping[str, Any]) -> str:
    """Returns the version id or ETag where the store has one, else size and modification time."""
    etag = info.get("ETag") or info.get("etag")
    if etag:
        parts = [str(info.get("VersionId") or ""), str(etag).strip('"'), str(info["size"])]
        return ":".join(part for part in parts if part)
    return f"{info['size']}:{_moment(info)}"


def listed_version(fs: fsspec.AbstractFileSystem, key: str) -> str:
    """Asks the store again for a file's version, comparable with `LandingFile.version`.

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
    # Few folders hold thousands of files, and a path takes long to take apart.
    of_files = {PurePosixPath(folder) for folder in {path.rpartition("/")[0] for path in files}}
    folders = {parent for folder in of_files for parent in (folder, *folder.parents)}
    candidates = []
    for key, info in found.items():
        if not is_readme(key.rpartition("/")[2]):
            continue
        path = PurePosixPath(_in_utf8(key.removeprefix(root).lstrip("/")))
        if path.parent in folders and info["type"] == "file":
            candidates.append((_modified(info), str(path), key))
    if not candidates:
        return None
    _, newest, key = max(candidates)
    try:
        text = fs.cat_file(key, start=0, end=LONGEST).decode(errors="replace")
    except (OSError, ValueError):  # it is not part of the data, and this user may lack access
        return None
    return parse(newest, text)


def _files(fs: fsspec.AbstractFileSystem, root: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = fs.find(root, detail=True, withdirs="file" in fs.protocol)
    folders = [key for key, info in found.items() if info["type"] == "directory"]
    for folder in folders:
        # It would be skipped silently, and its files would look deleted.
        if not os.access(folder, os.R_OK | os.X_OK):
            raise PermissionError(f"this user cannot read its folder {folder}")
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
            f"No permission to list the landing zone {source}: {error}",
            _permission(fs, root),
        ) from None
    except SourceError:
        raise
    except Exception as error:  # Each store's client has its own exceptions.
        raise SourceError(
            f"The landing zone {source} cannot be listed: {type(error).__name__}: {error}",
            f"{remedy}, the store's credentials (AWS_*) and network access to it",
        ) from None
    return found


def _permission(fs: fsspec.AbstractFileSystem, root: str) -> str:
    if "s3" not in fs.protocol:
        return "grant read permission on the folder and its subfolders"
    bucket = root.partition("/")[0]
    return (
        f"allow s3:ListBucket on arn:aws:s3:::{bucket} for the credentials in use; "
        "movielens doctor checks whether S3 rejects the credentials themselves"
    )


def _behind_link(
    fs: fsspec.AbstractFileSystem, key: str, listed: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Resolves a symbolic link; a broken one is not a file."""
    if not listed.get("islink"):
        return listed
    try:
        return cast("dict[str, Any]", fs.info(key))
    except OSError:
        return {**listed, "type": "broken link"}


def _in_utf8(path: str) -> str:
    r"""Escapes what is not UTF-8 in a path as in `\xff`; a local name may be any bytes."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def list_landing_zone(source: str | DltResource) -> LandingZone:
    """Lists a landing zone, at any depth.

    Args:
        source: A folder or any fsspec URL, such as `s3://bucket/prefix`; or dlt's
            `filesystem(...)`, of which only the files it yields are listed.

    Raises:
        SourceError: If it does not exist, cannot be listed or holds no MovieLens file.
    """
    if isinstance(source, str):
        fs, root = open_store(source)
        zone = _zone(fs, root, _find(fs, root, source))
    elif files := files_of(source):
        zone = zone_of(files)
    else:
        url = source.explicit_args.get("bucket_url") or "in dlt's configuration"
        raise _nothing_to_read(str(url), [], [])
    if not zone.files:
        url = source if isinstance(source, str) else zone.url
        raise _nothing_to_read(url, zone.ignored, zone.unread)
    return zone


def zone_of(items: Sequence[FileItemDict]) -> LandingZone:
    """Makes a landing zone of the files that one `filesystem(...)` of dlt yielded.

    They are listed again, as dlt's items do not identify a file's content as S3's ETag does. There
    may be no MovieLens file among them.

    Raises:
        SourceError: If they cannot be listed.
    """
    fs, root = items[0].fsspec, _root(items)
    found = _find(fs, root, _url(fs, root))
    selected = {f"{root}/{item['relative_path']}" for item in items}
    for key in selected - found.keys():  # behind a link to a folder, which dlt follows
        with suppress(OSError):
            found[key] = fs.info(key)
    return _zone(fs, root, found, selected)


def _root(items: Sequence[FileItemDict]) -> str:
    """Finds the folder that dlt listed, from a file that is not a link: dlt resolves links."""
    for item in items:
        is_local = "file" in item.fsspec.protocol
        key = item.local_file_path if is_local else item.fsspec._strip_protocol(item["file_url"])
        if key.endswith(f"/{item['relative_path']}"):
            return str(key[: -len(item["relative_path"]) - 1])
    raise SourceError(
        f"dlt listed only links, such as {items[0]['file_url']}, so their folder is unknown",
        "give the folder itself instead of filesystem(...)",
    )


def _url(fs: fsspec.AbstractFileSystem, root: str) -> str:
    """Returns the landing zone as a URL, with the host name of a server such as SFTP's."""
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
        return Lookalike(path, "is not a file, or is a broken link; put the file itself there")
    return lookalike(path)


def _nothing_to_read(source: str, ignored: list[str], unread: list[Lookalike]) -> SourceError:
    names = ", ".join(f"{d.file_name}.csv" for d in DATASETS.values())
    told = "".join(f"\n  {line}" for line in in_words(unread))
    return SourceError(
        f"The landing zone {source} holds no MovieLens file (other files: {len(ignored)}){told}",
        f"add files with names that start like {names}; or try: movielens demo",
    )
