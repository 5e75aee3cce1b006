"""Parses the statements of a set-up strictly: anything outside this grammar is an error.

The tokens are sqlglot's; its parser passes over grants and settings that it does not know, and a
closure of what was passed over proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, NoReturn

import jinja2
import yaml
from sqlglot import Dialect, TokenType

from local_dev.account.model import Account, Value

# One or two words in `create`, and what a thing is called in a grant and here.
KINDS = {
    "ROLE": "ROLE",
    "USER": "USER",
    "WAREHOUSE": "WAREHOUSE",
    "DATABASE": "DATABASE",
    "SCHEMA": "SCHEMA",
    "TABLE": "TABLE",
    "STAGE": "STAGE",
    "RESOURCE MONITOR": "RESOURCE MONITOR",
    "NETWORK POLICY": "NETWORK POLICY",
    "NETWORK RULE": "NETWORK RULE",
    "AUTHENTICATION POLICY": "AUTHENTICATION POLICY",
    "STORAGE INTEGRATION": "INTEGRATION",
    "INTEGRATION": "INTEGRATION",
}
_TIMEOUTS = {"STATEMENT_TIMEOUT_IN_SECONDS", "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS"}
_LOCATIONS = {"STORAGE_ALLOWED_LOCATIONS", "STORAGE_BLOCKED_LOCATIONS"}
SETTINGS = {
    "ROLE": {"COMMENT"},
    "USER": {
        *_TIMEOUTS,
        *{"TYPE", "DEFAULT_ROLE", "DEFAULT_SECONDARY_ROLES", "DEFAULT_WAREHOUSE"},
        *{"DEFAULT_NAMESPACE", "NETWORK_POLICY", "RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2"},
        *{"WORKLOAD_IDENTITY", "PASSWORD", "DISABLED", "COMMENT"},
        *{"PREVENT_UNLOAD_TO_INLINE_URL", "PREVENT_UNLOAD_TO_INTERNAL_STAGES"},
        *{"TIMEZONE", "TIMESTAMP_TYPE_MAPPING", "AUTOCOMMIT", "LOCK_TIMEOUT"},
    },
    "WAREHOUSE": {
        *_TIMEOUTS,
        *{"WAREHOUSE_SIZE", "AUTO_SUSPEND", "AUTO_RESUME", "INITIALLY_SUSPENDED"},
        *{"RESOURCE_MONITOR", "MIN_CLUSTER_COUNT", "MAX_CLUSTER_COUNT", "COMMENT"},
    },
    "DATABASE": {"COMMENT", "DATA_RETENTION_TIME_IN_DAYS"},
    "SCHEMA": {"COMMENT", "DATA_RETENTION_TIME_IN_DAYS"},
    "STAGE": {"URL", "STORAGE_INTEGRATION", "COMMENT"},
    "RESOURCE MONITOR": {"CREDIT_QUOTA", "FREQUENCY", "START_TIMESTAMP"},
    "NETWORK POLICY": {
        *{"ALLOWED_IP_LIST", "BLOCKED_IP_LIST", "COMMENT"},
        *{"ALLOWED_NETWORK_RULE_LIST", "BLOCKED_NETWORK_RULE_LIST"},
    },
    "NETWORK RULE": {"TYPE", "VALUE_LIST", "MODE", "COMMENT"},
    "AUTHENTICATION POLICY": {
        *{"AUTHENTICATION_METHODS", "CLIENT_TYPES", "SECURITY_INTEGRATIONS", "COMMENT"},
        *{"WORKLOAD_IDENTITY_POLICY", "PAT_POLICY", "MFA_ENROLLMENT"},
    },
    "INTEGRATION": {
        *_LOCATIONS,
        *{"TYPE", "STORAGE_PROVIDER", "ENABLED", "STORAGE_AWS_ROLE_ARN", "COMMENT"},
    },
    "TABLE": set(),
}
PRIVILEGES = {
    *{"USAGE", "OPERATE", "MONITOR", "MODIFY", "APPLYBUDGET", "ALL PRIVILEGES", "OWNERSHIP"},
    *{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "READ", "WRITE"},
    *{"CREATE SCHEMA", "CREATE TABLE", "CREATE VIEW", "CREATE STAGE", "CREATE FUNCTION"},
    *{"CREATE PROCEDURE", "CREATE TASK", "CREATE DATABASE", "CREATE WAREHOUSE", "CREATE ROLE"},
    *{"CREATE USER", "CREATE SHARE", "CREATE INTEGRATION", "IMPORTED PRIVILEGES"},
    *{"MANAGE GRANTS", "MONITOR USAGE", "EXECUTE TASK", "IMPORT SHARE", "APPLY MASKING POLICY"},
    *{"MANAGE WAREHOUSES", "USE AI FUNCTIONS"},
}
# What Snowflake creates or else changes as a whole; for others, only if they are not there.
CREATED_OR_ALTERED = {"NETWORK RULE", "AUTHENTICATION POLICY"}
# Of each list, whether Snowflake's documented syntax allows an empty one.
_MAY_BE_EMPTY = {"ALLOWED_IP_LIST", "BLOCKED_IP_LIST", "DEFAULT_SECONDARY_ROLES"}
GRANTED_ON = {*KINDS.values(), "VIEW", "FUNCTION", "PROCEDURE", "TASK", "FILE FORMAT", "SEQUENCE"}
TYPES = {"BIGINT", "VARCHAR", "TIMESTAMP_TZ"}


class NotUnderstood(Exception):
    """A statement outside the grammar: the set-up may do what nobody has computed."""


class Piece(NamedTuple):
    """A word or a sign, or a literal."""

    text: str
    literal: TokenType | None = None


_LITERALS = {TokenType.STRING, TokenType.NUMBER, TokenType.IDENTIFIER, TokenType.RAW_STRING}


@lru_cache(maxsize=256)
def pieces(text: str) -> tuple[Piece, ...]:
    """Splits a file into words, signs and literals; comments are gone."""
    return tuple(_pieces(text))


def _pieces(text: str) -> Iterator[Piece]:
    for token in Dialect.get_or_raise("snowflake").tokenize(text):
        if token.token_type in _LITERALS:
            yield Piece(token.text, token.token_type)
        else:
            # Some pairs of words are one token, such as STORAGE INTEGRATION.
            yield from (Piece(word.upper()) for word in token.text.split())


@dataclass
class Reader:
    """One statement, read from left to right."""

    pieces: list[Piece]
    at: int = 0

    def word(self) -> str:
        """Gives the next word or sign, without taking it; empty for anything else."""
        if self.at == len(self.pieces):
            return ""
        piece = self.pieces[self.at]
        return "" if piece.literal else piece.text

    def accept(self, *words: str) -> bool:
        """Takes these words if they are next."""
        start = self.at
        for word in words:
            if self.word() != word:
                self.at = start
                return False
            self.at += 1
        return True

    def expect(self, *words: str) -> None:
        """Takes these words, which must be next."""
        if not self.accept(*words):
            self.refuse(f"expected {' '.join(words)}")

    def one_of(self, phrases: set[str]) -> str:
        """Takes the longest of these phrases, one of which must be next."""
        for phrase in sorted(phrases, key=len, reverse=True):
            if self.accept(*phrase.split()):
                return phrase
        self.refuse(f"expected one of {', '.join(sorted(phrases))}")

    def name(self) -> str:
        """Takes a name with its dots; not one in quotes, whose case would count."""
        parts = [self._part()]
        while self.accept("."):
            parts.append(self._part())
        return ".".join(parts)

    def _part(self) -> str:
        word = self.word()
        if not word.replace("_", "").replace("$", "").isalnum():
            self.refuse("expected a name")
        self.at += 1
        return word

    def value(self) -> Value:
        """Takes a text, a number, a word, or a list of them in parentheses."""
        if self.at == len(self.pieces):
            self.refuse("expected a value")
        text, literal = self.pieces[self.at]
        if literal in {TokenType.STRING, TokenType.NUMBER}:
            self.at += 1
            return text if literal is TokenType.STRING else int(text)
        if self.accept("("):
            return self._list()
        name = self.name()
        return {"TRUE": True, "FALSE": False}.get(name, name)

    def _list(self) -> Value:
        values: list[Value] = []
        pairs: dict[str, Value] = {}
        while not self.accept(")"):
            value = self.value()
            if isinstance(value, str) and self.accept("="):
                pairs[value] = self.value()
            else:
                values.append(value)
            self.accept(",")
        return pairs or tuple(values)

    def settings(self, kind: str, stop: str = "") -> dict[str, Value]:
        """Takes `name = value` until the end, or until a word."""
        found: dict[str, Value] = {}
        while self.at < len(self.pieces) and self.word() != stop:
            name = self.one_of(SETTINGS[kind])
            self.expect("=")
            found[name] = self.value()
            if found[name] == () and name not in _MAY_BE_EMPTY:
                self.refuse(f"expected something in {name}")
        return found

    def end(self) -> None:
        """Makes sure that nothing is left."""
        if self.at < len(self.pieces):
            self.refuse("expected the end")

    def refuse(self, why: str) -> NoReturn:
        """Gives up on the statement."""
        text = " ".join(piece.text for piece in self.pieces)
        rest = " ".join(piece.text for piece in self.pieces[self.at : self.at + 4])
        raise NotUnderstood(f"not understood: {text!r}: {why} at {rest!r}")


def _use(reader: Reader, account: Account) -> None:
    reader.expect("ROLE")
    account.role = reader.name()
    account.need("ROLE", account.role)


def _create(reader: Reader, account: Account) -> None:
    if reader.accept("OR", "ALTER"):
        _create_or_alter(reader, account)
        return
    is_transient = reader.accept("TRANSIENT")
    kind = KINDS[reader.one_of({"DATABASE"} if is_transient else set(KINDS))]
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    name = reader.name()
    is_new = account.make(kind, name, if_not_exists)
    settings: dict[str, Value] = {"TRANSIENT": True} if is_transient else {}
    if kind == "TABLE":
        settings["COLUMNS"] = _columns(reader)
    elif kind == "SCHEMA" and reader.accept("WITH", "MANAGED", "ACCESS"):
        settings["MANAGED ACCESS"] = True
    reader.accept("WITH")
    settings |= _settings(reader, kind)
    if is_new:
        account.things[kind, name].settings.update(settings)


def _create_or_alter(reader: Reader, account: Account) -> None:
    kind = reader.one_of(CREATED_OR_ALTERED)
    name = reader.name()
    account.make(kind, name, if_not_exists=True)
    settings = account.alter(kind, name, ())
    settings.clear()  # what is not named has its default again
    settings.update(_settings(reader, kind))


def _columns(reader: Reader) -> dict[str, Value]:
    columns: dict[str, Value] = {}
    reader.expect("(")
    while True:
        name = reader.name()
        columns[name] = reader.one_of(TYPES)
        if not reader.accept(","):
            break
    reader.expect(")")
    return columns


def _settings(reader: Reader, kind: str) -> dict[str, Value]:
    if kind != "RESOURCE MONITOR":
        return reader.settings(kind)
    settings = reader.settings(kind, "TRIGGERS")
    if reader.accept("TRIGGERS"):
        settings["TRIGGERS"] = _triggers(reader)
    return settings


def _triggers(reader: Reader) -> dict[str, Value]:
    triggers: dict[str, Value] = {}
    while reader.accept("ON"):
        percent = reader.value()
        reader.expect("PERCENT", "DO")
        triggers[reader.one_of({"NOTIFY", "SUSPEND", "SUSPEND_IMMEDIATE"})] = percent
    return triggers


def _alter(reader: Reader, account: Account) -> None:
    kind = KINDS[reader.one_of(set(KINDS))]
    reader.accept("IF", "EXISTS")
    name = reader.name()
    if kind == "SCHEMA" and reader.word() in {"ENABLE", "DISABLE"}:
        enabled = reader.accept("ENABLE") or not reader.accept("DISABLE")
        reader.expect("MANAGED", "ACCESS")
        account.alter(kind, name, ["MANAGED ACCESS"])["MANAGED ACCESS"] = enabled
    elif kind == "USER" and reader.accept("SET", "AUTHENTICATION", "POLICY"):
        policy = reader.name()
        account.need("AUTHENTICATION POLICY", policy)
        settings = account.alter(kind, name, ["AUTHENTICATION POLICY"])
        if not reader.accept("FORCE") and "AUTHENTICATION POLICY" in settings:
            account.complaints.append(f"{kind} {name} has an authentication policy already")
        settings["AUTHENTICATION POLICY"] = policy
    elif kind == "USER" and reader.accept("UNSET", "AUTHENTICATION", "POLICY"):
        account.alter(kind, name, ()).pop("AUTHENTICATION POLICY", None)
    elif reader.accept("UNSET"):
        setting = reader.one_of(SETTINGS[kind])
        account.alter(kind, name, [setting]).pop(setting, None)
    else:
        reader.expect("SET")
        settings = _settings(reader, kind)
        account.alter(kind, name, settings).update(settings)


def _drop(reader: Reader, account: Account) -> None:
    kind = KINDS[reader.one_of(set(KINDS))]
    reader.expect("IF", "EXISTS")
    account.drop(kind, reader.name())


def _grant(reader: Reader, account: Account) -> None:
    if reader.accept("ROLE"):
        role = reader.name()
        reader.expect("TO")
        account.grant_role(role, reader.one_of({"ROLE", "USER"}), reader.name())
        return
    privileges, target = _privileges(reader), _target(reader)
    reader.expect("TO", "ROLE")
    role = reader.name()
    if privileges == ["OWNERSHIP"]:
        reader.accept("COPY", "CURRENT", "GRANTS") or reader.accept("REVOKE", "CURRENT", "GRANTS")
    if reader.accept("WITH", "GRANT", "OPTION"):
        privileges = [f"{privilege} WITH GRANT OPTION" for privilege in privileges]
    account.grant(privileges, target, role)


def _revoke(reader: Reader, account: Account) -> None:
    if reader.accept("ROLE"):
        role = reader.name()
        reader.expect("FROM")
        account.revoke_role(role, reader.one_of({"ROLE", "USER"}), reader.name())
    elif reader.accept("DATABASE", "ROLE"):
        right = f"DATABASE ROLE {reader.name()}"
        reader.expect("FROM", "ROLE")
        account.grants[reader.name()].discard(right)
    else:
        privileges, target = _privileges(reader), _target(reader)
        reader.expect("FROM", "ROLE")
        account.revoke(privileges, target, reader.name())


def _privileges(reader: Reader) -> list[str]:
    if reader.accept("ALL", "PRIVILEGES") or reader.accept("ALL"):
        reader.expect("ON")
        return ["ALL PRIVILEGES"]
    privileges = [reader.one_of(PRIVILEGES)]
    while reader.accept(","):
        privileges.append(reader.one_of(PRIVILEGES))
    reader.expect("ON")
    return privileges


def _target(reader: Reader) -> str:
    if reader.accept("ACCOUNT"):
        return "ACCOUNT"
    if reader.word() in {"ALL", "FUTURE"}:
        which = reader.one_of({"ALL", "FUTURE"})
        kinds = reader.one_of({f"{kind}S" for kind in GRANTED_ON})
        reader.expect("IN")
        return f"{which} {kinds} IN {reader.one_of({'SCHEMA', 'DATABASE'})} {reader.name()}"
    return f"{reader.one_of(GRANTED_ON)} {reader.name()}"


def _insert(reader: Reader, account: Account) -> None:
    """Reads the one form that can be run again: a first row of whole numbers."""
    reader.expect("INTO")
    table = reader.name()
    account.alter("TABLE", table, ())["HAS A ROW"] = True
    columns = reader.value()
    reader.expect("SELECT")
    for at in range(len(columns) if isinstance(columns, tuple) else 0):
        if at:
            reader.expect(",")
        reader.value()
    reader.expect("WHERE", "NOT", "EXISTS", "(", "SELECT")
    reader.value()
    reader.expect("FROM")
    if reader.name() != table:
        reader.refuse(f"expected {table}")
    reader.expect(")")


_VERBS: dict[str, Callable[[Reader, Account], None]] = {
    "USE": _use,
    "CREATE": _create,
    "ALTER": _alter,
    "DROP": _drop,
    "INSERT": _insert,
    "GRANT": _grant,
    "REVOKE": _revoke,
}


def variables(folder: Path) -> dict[str, str]:
    """Reads the values that the files are filled in with."""
    content = yaml.safe_load((folder / "snowflake.yml").read_text())
    return {name: str(value) for name, value in content["env"].items()}


def filled_in(text: str, values: dict[str, str]) -> str:
    """Fills in a file as the snow CLI does; a variable that is not there is an error."""
    environment = jinja2.Environment(  # noqa: S701 - fills in SQL, not HTML
        variable_start_string="<%", variable_end_string="%>", undefined=jinja2.StrictUndefined
    )
    return environment.from_string(text).render(ctx={"env": values})


def apply(text: str, account: Account) -> None:
    """Applies the statements of a file to an account.

    Args:
        text: The file, filled in.
        account: Changed in place.

    Raises:
        NotUnderstood: If one of them is outside the grammar.
    """
    statement: list[Piece] = []
    for piece in [*pieces(text), Piece(";")]:
        if piece != Piece(";"):
            statement.append(piece)
        elif statement:
            reader = Reader(statement)
            _VERBS[reader.one_of(set(_VERBS))](reader, account)
            reader.end()
            statement = []
