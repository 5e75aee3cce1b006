"""Lists a landing zone: its files, the dataset each belongs to, and its version."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import fsspec

from ingestion.datasets import DATASETS, MARKER, UNMODELLED
from ingestion.errors import SourceError
from ingestion.landing import zips
from ingestion.landing.layouts import Layout, left_out
from ingestion.landing.lookalikes import Lookalike, in_words, is_release, lookalike
from ingestion.landing.names import Format, Kind, classify, is_hidden, kinds, table_of_folder
from ingestion.landing.parts import closed_folders, folder_among, is_being_written
from ingestion.landing.readme import LONGEST, Readme, is_readme, parse
from ingestion.landing.stores import files_of, open_store

if TYPE_CHECKING:
    from dlt.common.storages.fsspec_filesystem import FileItemDict
    from dlt.extract import DltResource

# In place of a dataset, for a release's zip that cannot be looked into.
RELEASE = "release"


@dataclass(frozen=True)
class LandingFile:
    """One MovieLens file as it was listed.

    Attributes:
        path: Path relative to the landing zone, with `/`; that of a zip goes on inside it.
        key: The key its file system opens it by; of a file in a zip, the key of the zip.
        dataset: The RAW table its rows belong to.
        version: Identifies its content without reading it; of a file in a zip, that of the zip.
        bytes: Size as stored.
        compression: `gzip`, `bz2`, `zstd`, `zip` or None.
        modified: When it was written, in seconds since 1970; 0 if the store does not say.
        etag: S3's ETag, in quotes; None elsewhere.
        member: Where it is in a zip that holds several files.
        layout: How its rows are written, if by a release without a format that has names.
        problem: Why it is refused, if its listing shows that.
        format: The format that its name says; `csv` if it has a layout.
    """

    path: str
    key: str
    dataset: str
    version: str
    bytes: int
    compression: str | None
    modified: float
    etag: str | None = None
    member: zips.Member | None = None
    layout: Layout | None = None
    problem: str = ""
    format: Format = "csv"

    @property
    def separator(self) -> str:
        """What separates its fields; not of use for Parquet."""
        return "\t" if self.format == "tsv" else ","

    @property
    def stored_path(self) -> str:
        """Path of the file that it is, or is a part of, such as a zip."""
        path = self.path.removesuffix(self.layout.part) if self.layout else self.path
        return path.removesuffix(f"/{_in_utf8(self.member.name)}") if self.member else path


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
        closed: Folders that are there, of which nothing can be read for now.
        unpacked: The plain file that is read in place of a file in a zip, by the latter's path.
    """

    url: str
    edition: str
    files: dict[str, LandingFile]
    ignored: list[str]
    unread: list[Lookalike]
    fs: fsspec.AbstractFileSystem = field(repr=False)
    readme: Readme | None = None
    closed: tuple[str, ...] = ()
    unpacked: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """A hash of the landing zone's URL, the version of each file, and the README's counts."""
        digest = hashlib.sha256(f"{self.url}\0{self.readme}".encode())
        for path, file in sorted(self.files.items()):
            digest.update(f"\n{path}\0{file.version}".encode())
        return digest.hexdigest()


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


def _edition(
    fs: fsspec.AbstractFileSystem,
    root: str,
    readme: Readme | None,
    files: Mapping[str, LandingFile],
) -> str:
    """Names the edition by its marker, its README, the zip with all of its files, or the folder."""
    try:
        marker = json.loads(fs.cat_file(f"{root}/{MARKER}"))
        return str(marker["edition"])
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        named = readme.edition if readme else None
        packed = {file.key if file.member else root for file in files.values()}
        home = packed.pop() if len(packed) == 1 else root
        name = PurePosixPath(home).name
        return named or (name[: -len(".zip")] if _is_zip(name) else name) or "movielens"


def _readme(
    fs: fsspec.AbstractFileSystem, found: Iterable[_Found], files: Mapping[str, LandingFile]
) -> Readme | None:
    """Reads the newest README that is in a folder with MovieLens files, or above one."""
    # Few folders hold thousands of files, and a path takes long to take apart.
    of_files = {PurePosixPath(folder) for folder in {path.rpartition("/")[0] for path in files}}
    folders = {parent for folder in of_files for parent in (folder, *folder.parents)}
    candidates = [
        one
        for one in found
        if is_readme(one.path.rpartition("/")[2])
        and PurePosixPath(one.path).parent in folders
        and one.info["type"] == "file"
        and not one.problem
    ]
    if not candidates:
        return None
    newest = max(candidates, key=lambda one: (_modified(one.info), one.path))
    try:
        if newest.member:
            text = zips.first_bytes(fs, newest.key, newest.member, LONGEST)
        else:
            text = fs.cat_file(newest.key, start=0, end=LONGEST)
    # It is not part of the data, and this user may lack access.
    except (*zips.DAMAGED, OSError, ValueError):
        return None
    return parse(newest.path, text.decode(errors="replace"))


def _files(fs: fsspec.AbstractFileSystem, root: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = fs.find(root, detail=True, withdirs="file" in fs.protocol)
    folders = [key for key, info in found.items() if info["type"] == "directory"]
    for folder in folders:
        # It would be skipped silently, and its files would look deleted.
        if not os.access(folder, os.R_OK | os.X_OK):
            raise PermissionError(f"this user cannot read its folder {folder}")
        if not is_being_written(folder):
            del found[folder]
    return found


def _find(fs: fsspec.AbstractFileSystem, root: str, source: str) -> dict[str, dict[str, Any]]:
    remedy = "check MOVIELENS_SOURCE (or --source)"
    try:
        if not fs.isdir(root):
            if _is_zip(root) and fs.exists(root):
                return {root: fs.info(root)}
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


def list_landing_zone(source: str | DltResource, *, unmodelled: bool = False) -> LandingZone:
    """Lists a landing zone, at any depth, and inside the zips in it.

    Args:
        source: A folder, a zip, or any fsspec URL, such as `s3://bucket/prefix`; or dlt's
            `filesystem(...)`, of which only the files it yields are listed.
        unmodelled: Whether files count that no model reads.

    Raises:
        SourceError: If it does not exist, cannot be listed or holds no MovieLens file.
    """
    if isinstance(source, str):
        fs, root = open_store(source)
        zone = _zone(fs, root, _find(fs, root, source), unmodelled=unmodelled)
    elif files := files_of(source):
        zone = zone_of(files, unmodelled=unmodelled)
    else:
        url = source.explicit_args.get("bucket_url") or "in dlt's configuration"
        raise _nothing_to_read(str(url), [], [])
    if not zone.files:
        url = source if isinstance(source, str) else zone.url
        raise _nothing_to_read(url, zone.ignored, zone.unread)
    return zone


def zone_of(items: Sequence[FileItemDict], *, unmodelled: bool = False) -> LandingZone:
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
    return _zone(fs, root, found, selected, unmodelled=unmodelled)


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


class _Found(NamedTuple):
    """A file of a landing zone, or of a zip in it.

    Attributes:
        path: Path relative to the landing zone.
        key: The key its file system opens it by.
        info: What its store says of it, or of the zip.
        named: The path that tells its dataset.
        within: The name of what that path begins in.
        member: Where it is in a zip.
        problem: Why it is refused.
        is_closed: Whether it is a zip that cannot be looked into.
    """

    path: str
    key: str
    info: Mapping[str, Any]
    named: str
    within: str
    member: zips.Member | None = None
    problem: str = ""
    is_closed: bool = False

    def files(self) -> list[LandingFile]:
        """What is to be read of it: nothing, the file, or a part for each dataset in it."""
        if self.info["type"] != "file":
            return []
        if self.is_closed:
            is_known = is_release(self.path.rpartition("/")[2])
            return [self._file(Kind(RELEASE, "zip"))] if is_known else []
        return [self._file(kind) for kind in kinds(self.named, self.within)]

    def _file(self, kind: Kind) -> LandingFile:
        compression, problem = kind.compression, self.problem
        if self.member:
            if compression:
                problem = f"it is packed twice, in {self.key.rpartition('/')[2]}; unpack that"
            compression = "zip"
        return LandingFile(
            path=self.path + (kind.layout.part if kind.layout else ""),
            key=self.key,
            dataset=kind.dataset,
            version=_version(self.info),
            bytes=self.member.packed if self.member else self.info["size"],
            compression=compression,
            modified=_modified(self.info),
            etag=self.info.get("ETag"),
            member=self.member,
            layout=kind.layout,
            problem=problem,
            format=kind.format,
        )


def _is_zip(path: str) -> bool:
    return path.lower().endswith(".zip")


def _found(
    fs: fsspec.AbstractFileSystem,
    root: str,
    listed: Mapping[str, Mapping[str, Any]],
    selected: Collection[str] | None,
) -> Iterator[_Found]:
    """Yields the files of a listing, and those in the selected zips, by key."""
    for key, one in sorted(listed.items()):
        path = _in_utf8(key.removeprefix(root).lstrip("/")) or key.rpartition("/")[2]
        found = _Found(path, key, _behind_link(fs, key, one), path, root.rpartition("/")[2])
        is_archive = _is_zip(key) and found.info["type"] == "file"
        is_archive = is_archive and (selected is None or key in selected)
        # `ratings.zip` holds one file of a name that does not matter.
        if is_archive and not kinds(path) and not is_hidden(PurePosixPath(path)):
            yield from _in_zip(fs, found)
        else:
            yield found


def _in_zip(fs: fsspec.AbstractFileSystem, found: _Found) -> Iterator[_Found]:
    """Yields the files in a zip; the zip itself if none of them is MovieLens data."""
    try:
        listed = zips.members(fs, found.key)
    except (*zips.DAMAGED, OSError):  # Reading it says which.
        yield found._replace(is_closed=True)
        return
    inside = [_member(found, member, problem) for member, problem in listed]
    yield from inside if any(one.files() for one in inside) else [found]


def _member(found: _Found, member: zips.Member, problem: str) -> _Found:
    # The folder that a release is packed in may be missing, and is named like the zip.
    folder = found.key.rpartition("/")[2][: -len(".zip")]
    outside = zips.points_outside(member.name)
    name = PureWindowsPath(member.name).name if outside else member.name
    path = f"{found.path}/{_in_utf8(member.name)}"
    return found._replace(path=path, named=name, within=folder, member=member, problem=problem)


def _copy_of(
    file: LandingFile, member: zips.Member, plain: Mapping[tuple[str, int], list[LandingFile]]
) -> str | None:
    folder = file.key.rpartition("/")[0]
    name = member.name.rpartition("/")[2] + (file.layout.part if file.layout else "")
    alike = plain.get((name, member.size), [])
    return next((one.path for one in alike if one.key.startswith(f"{folder}/")), None)


def _unpacked(read: Collection[LandingFile]) -> dict[str, str]:
    """Finds the files in zips that were unpacked in the zip's folder or below: the copy of each."""
    plain: dict[tuple[str, int], list[LandingFile]] = defaultdict(list)
    for file in read:
        if file.compression is None:
            plain[file.path.rpartition("/")[2], file.bytes].append(file)
    copies = {one.path: _copy_of(one, one.member, plain) for one in read if one.member}
    return {path: copy for path, copy in copies.items() if copy}


def _taken(
    read: Iterable[tuple[_Found, list[LandingFile]]], unpacked: Mapping[str, str], unmodelled: bool
) -> tuple[dict[str, LandingFile], dict[str, str]]:
    """Returns the files to load, and for each other path advice, if there is any."""
    taken: dict[str, LandingFile] = {}
    ignored: dict[str, str] = {}
    for one, files in read:
        for file in files:
            if same := unpacked.get(file.path):
                ignored[file.path] = f"is also there as {same}, which is read; delete either"
            elif file.dataset in UNMODELLED and not unmodelled:
                ignored[file.path] = left_out(file.layout) if file.layout else ""
            else:
                taken[file.path] = file
        if not files:
            ignored[one.path] = ""
    return taken, ignored


def _zone(
    fs: fsspec.AbstractFileSystem,
    root: str,
    listed: Mapping[str, Mapping[str, Any]],
    selected: Collection[str] | None = None,
    *,
    unmodelled: bool = False,
) -> LandingZone:
    found = list(_found(fs, root, listed, selected))
    closed = closed_folders(one.path for one in found)
    in_closed = {one.path: folder_among(one.path, closed) for one in found}
    read = [
        (one, [] if in_closed[one.path] else one.files())
        for one in found
        if selected is None or one.key in selected
    ]
    unpacked = _unpacked([file for _, files in read for file in files])
    files, ignored = _taken(read, unpacked, unmodelled)
    readme = _readme(fs, found, files)
    own = {readme.path} if readme else set[str]()
    ignored = {
        path: advice
        for path, advice in ignored.items()
        if path not in own and PurePosixPath(path).name != MARKER
    }
    unread = [
        Lookalike(path, advice) if advice else _unread(path)
        for path, advice in ignored.items()
        if not in_closed.get(path)
    ]
    closed = {folder: advice for folder, advice in closed.items() if _holds_data(folder, found)}
    unread += [Lookalike(folder, advice) for folder, advice in closed.items()]
    return LandingZone(
        url=_url(fs, root),
        edition=_edition(fs, root, readme, files),
        files=files,
        ignored=list(ignored),
        unread=[one for one in unread if one],
        fs=fs,
        readme=readme,
        closed=tuple(closed),
        unpacked=unpacked,
    )


def _holds_data(folder: str, found: Iterable[_Found]) -> bool:
    """Whether a folder is named after a dataset, or a file in it is."""
    of_folder = table_of_folder(PurePosixPath(folder).parts)
    return of_folder is not None or any(
        one.path.startswith(f"{folder}/") and one.files() for one in found
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
