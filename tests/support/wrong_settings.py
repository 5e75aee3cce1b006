"""Changes of the set-up of Snowflake that make it wrong, derived from its statements by rule.

No rule knows what is right: each takes what a file says and says something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_VALUE = r"'[^']*'|\((?:[^()]|\([^()]*\))*\)|[\w.]+"
_SETTING = re.compile(rf"(?=(?<![\w.])(?P<name>\w+)(?P<is> = )(?P<value>{_VALUE}))")
_TRIGGER = re.compile(r"(?=on (?P<value>\d+) percent do (?P<name>\w+))")
_STATEMENT = re.compile(
    r"\A(?:create or alter|create(?: transient)?|alter) (?P<kind>(?:[a-z]+ )+?)"
    r"(?:if not exists )?(?P<thing>[A-Z][\w.]+)",
)
# What says nothing that has an effect.
_WORDS_ONLY = {"comment"}


class Wrong(NamedTuple):
    """One change.

    Attributes:
        what: What it changes, and into what.
        texts: All files, with the change in one of them.
    """

    what: str
    texts: dict[str, str]


def statements(text: str) -> list[str]:
    """Splits a file into its statements, without comments."""
    code = re.sub(r"^\s*--.*\n?", "", text, flags=re.MULTILINE)
    return [each.strip() for each in re.split(r";\s*\n", code) if each.strip()]


def wrong_settings(texts: Mapping[str, str]) -> Iterator[Wrong]:
    """Yields each setting with each other value, and without it, in all that is about a thing."""
    for file, text in texts.items():
        parts = statements(text)
        done = set()
        for part in parts:
            about = _STATEMENT.match(part)
            for found in [*_SETTING.finditer(part), *_TRIGGER.finditer(part)]:
                key = (about and about["thing"], found["name"], found["value"])
                if about is None or found["name"] in _WORDS_ONLY or key in done:
                    continue
                done.add(key)
                gone = [""] if "is" in found.groupdict() else []
                for value in [*others(found["value"]), *gone]:
                    changed = [_with(each, about["thing"], found, value) for each in parts]
                    yield Wrong(
                        f"{file}: {about['thing']}: {found['name']} = {value}",
                        {**texts, file: ";\n".join(changed) + ";\n"},
                    )


def _with(statement: str, thing: str, found: re.Match[str], value: str) -> str:
    about = _STATEMENT.match(statement)
    if about is None or about["thing"] != thing:
        return statement
    if "is" in found.groupdict():
        old = f"{found['name']} = {found['value']}"
        new = f"{found['name']} = {value}" if value else ""
    else:
        old, new = (f"on {each} percent do {found['name']}" for each in (found["value"], value))
    return re.sub(rf"(?<![\w.]){re.escape(old)}(?![\w.])", lambda _: new, statement)


def others(value: str) -> Iterator[str]:
    """Yields values other than one: for a number larger, for a list longer, for a word another."""
    if value.isdigit():
        yield from ("0", str(int(value) + 1), f"{value}00000")
    elif value in {"true", "false"}:
        yield "false" if value == "true" else "true"
    elif value.startswith("("):
        if "=" not in value:  # those with names are taken apart
            inner = value[1:-1].strip()
            yield f"({inner}, 'another')" if inner else "('another')"
    elif value.startswith("'"):
        inner = value.strip("'")
        yield from (f"'{inner}0'", "'*'", "''")
        if inner.startswith(("https://", "s3://")):
            scheme, _, rest = inner.partition("://")
            yield from (f"'{scheme}://evil.example'", f"'{scheme}://evil.example/{rest}'")
    else:
        yield "ANOTHER"


def wrong_grants(texts: Mapping[str, str]) -> Iterator[Wrong]:
    """Yields each grant with another role, another schema, another privilege; and more of it."""
    names = set(
        re.findall(r"(?:role|on schema|in schema) (MOVIELENS[\w.]*)", "".join(texts.values()))
    )
    roles = sorted(name for name in names if name.startswith("MOVIELENS_") and "." not in name)
    schemas = sorted(name for name in names if "." in name)
    for file, text in texts.items():
        parts = statements(text)
        for number, part in enumerate(parts):
            if not part.startswith("grant "):
                continue
            for other in _other_grants(part, roles, schemas):
                changed = [*parts[: number + 1], other, *parts[number + 1 :]]
                yield Wrong(f"{file}: {other}", {**texts, file: ";\n".join(changed) + ";\n"})


def _other_grants(grant: str, roles: list[str], schemas: list[str]) -> Iterator[str]:
    head, _, role = grant.rpartition(" ")
    yield from (f"{head} {each}" for each in roles if each != role)
    for schema in schemas:
        other = re.sub(r"schema MOVIELENS[\w.]*", f"schema {schema}", grant)
        if other != grant:
            yield other
    for privilege in ("all privileges", "ownership", "delete", "truncate"):
        if " on " in grant:
            yield f"grant {privilege} on {grant.partition(' on ')[2]}"
