"""moto's server on 127.0.0.1, and in front of it what IAM allows a role.

moto's own IAM passes over resources and conditions, which is all that the stack's policies have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from tests.support.faulty_s3 import Start, moto_s3, refused

ROLE = "of-the-role"
# What S3 asks IAM about an object, and about a bucket.
_OF_OBJECT = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
_OF_BUCKET = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket"}


@dataclass
class PolicedS3:
    """A WSGI application in front of moto's.

    Attributes:
        statements: What the role may do. Its access key is `ROLE`; every other key is an
            administrator's.
        refusals: The actions, with their resources, that it was refused.
    """

    statements: list[dict[str, Any]]
    refusals: list[tuple[str, str]] = field(default_factory=list)
    _behind: Any = field(default_factory=moto_s3)

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if f"Credential={ROLE}/" in environ.get("HTTP_AUTHORIZATION", ""):
            for action, resource, prefix in asked(environ):
                if not any(allows(each, action, resource, prefix) for each in self.statements):
                    self.refusals.append((action, resource))
                    return refused("403 AccessDenied", environ, start)
        answer: Iterable[bytes] = self._behind(environ, start)
        return answer


def asked(environ: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Yields what S3 asks IAM about a request: action, resource, and `s3:prefix` of a listing."""
    bucket, _, key = environ["PATH_INFO"].removeprefix("/").partition("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    method, arn = environ["REQUEST_METHOD"], f"arn:aws:s3:::{bucket}"
    if not bucket:
        return  # for another service: who is it that asks
    if key:
        version = "Version" if "versionId" in query else ""
        yield f"s3:{_OF_OBJECT[method]}{version}", f"{arn}/{key}", None
    elif "delete" in query:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        for each in re.findall(r"<Key>(.*?)</Key>", body.decode()):
            yield "s3:DeleteObject", f"{arn}/{each}", None
    elif "location" in query:
        yield "s3:GetBucketLocation", arn, None
    else:
        # Whether a bucket is there (HEAD) is asked without a prefix.
        yield f"s3:{_OF_BUCKET[method]}", arn, query.get("prefix", [None])[0]


def allows(statement: dict[str, Any], action: str, resource: str, prefix: str | None) -> bool:
    """Tells whether a statement allows something, by IAM's rules."""
    if statement["Effect"] != "Allow":
        raise NotImplementedError(statement["Effect"])
    return (
        any(fnmatchcase(action, each) for each in _several(statement["Action"]))
        and any(fnmatchcase(resource, each) for each in _several(statement["Resource"]))
        and all(_holds(each, prefix) for each in statement.get("Condition", {}).items())
    )


def _holds(condition: tuple[str, dict[str, Any]], prefix: str | None) -> bool:
    operator, keys = condition
    if operator != "StringLike" or list(keys) != ["s3:prefix"]:
        raise NotImplementedError(condition)
    # What is not in a request fits nothing.
    wanted = _several(keys["s3:prefix"])
    return prefix is not None and any(fnmatchcase(prefix, each) for each in wanted)


def _several(value: str | list[str]) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else value
