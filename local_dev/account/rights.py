"""Whether a role may run a statement, by the grants of a set-up and by who created what.

A statement that this cannot read is refused as well: what was passed over proves nothing. Where
Snowflake's documentation leaves room, the narrower reading counts, except that a change needs no
SELECT on the table that it changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import sqlglot
from snowflake.connector.util_text import split_statements
from sqlglot import exp

from local_dev.account.model import Account, Thing
from local_dev.account.statements import apply, filled_in, variables

# The files of a set-up that are not optional.
_FILES = "0[1-5]_*.sql"
_PARTS = 3  # database, schema, name

MISSING, FORBIDDEN, NO_WAREHOUSE, NOT_READ = "002003", "003001", "000606", "000603"
# Of any other error: a syntax error or a violated access rule.
SYNTAX = "42000"
_STATES = {MISSING: "02000", FORBIDDEN: "42501", NO_WAREHOUSE: "57P03", NOT_READ: "0A000"}

_NAME = r'(?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$%]+))*'
_STAGE = r"""'?@(?P<stage>[^\s',;)]+)'?"""
_ANY_CASE = re.IGNORECASE | re.DOTALL
_NOTHING_NEEDED = re.compile(r"(begin|start|commit|rollback|alter\s+session)\b", _ANY_CASE)
_OF_STAGE = re.compile(rf"(?P<verb>put|list|ls|remove|rm)\b.*?{_STAGE}", _ANY_CASE)
_COPY = re.compile(
    rf"copy\s+into\s+(?P<table>{_NAME})\s*(\([^)]*\))?\s*from\s+(\(\s*select\b.*?\bfrom\s+)?{_STAGE}",
    _ANY_CASE,
)
_SHOW = re.compile(rf"show\s+.*?\bin\s+(?P<kind>schema|database)\s+(?P<name>{_NAME})", _ANY_CASE)
_CREATES = re.compile(
    r"\s*(insert\b|create\s+(transient\s+)?(database|schema|stage|table)\b)", re.IGNORECASE
)
# What fakesnow does not know, of what creates databases, schemas and stages.
_NOT_THERE = re.compile(
    r"\s+with\s+managed\s+access|\s+(comment|storage_integration)\s*=\s*('[^']*'|\w+)",
    re.IGNORECASE,
)
_COMMENTS = re.compile(r"^(\s|/\*.*?\*/|--[^\n]*\n)+", re.DOTALL)
_CATALOG = re.compile(
    r"\b(?P<verb>from|join)\s+(?P<view>(?:[\w$]+\.)?information_schema\."
    r"(?P<what>tables|views|columns|schemata))\b",
    re.IGNORECASE,
)


class Refused(Exception):
    """What Snowflake answers to a statement that it does not run."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.state = _STATES.get(code, SYNTAX)


class Need(NamedTuple):
    """A privilege that a statement needs; an empty one stands for any."""

    privilege: str
    kind: str
    name: str


@dataclass
class Session:
    """Whose session it is, and where it looks for names without a schema."""

    user: str
    role: str
    warehouse: str | None = None
    database: str | None = None
    schema: str | None = None

    def full(self, *parts: str | None) -> str:
        """Completes a name, given as database, schema and name."""
        database, schema, name = parts
        return ".".join((database or self.database or "", schema or self.schema or "", name or ""))


@dataclass
class Asked:
    """What a statement asks for.

    Attributes:
        needs: The privileges that it needs, on top of those to get to each thing.
        computes: Whether it needs a virtual warehouse.
        then: What it changes in the account, once it has run.
    """

    needs: list[Need] = field(default_factory=list)
    computes: bool = False
    then: list[Callable[[Session], None]] = field(default_factory=list)


class Rights:
    """The account of a set-up, and what has been created in it since.

    Args:
        set_up: The folder of the set-up.
        kept: A file that keeps who created what between starts; None if nothing is kept.

    Attributes:
        account: The account.
        used: By role and need, the rights that met it, any of which was enough; of all times that
            it was needed, the one with the fewest.
    """

    def __init__(self, set_up: Path, kept: Path | None = None) -> None:
        self.account = Account()
        self.used: dict[tuple[str, Need], set[str]] = {}
        self._kept = kept
        self._before: set[str] = set()
        self._reads: dict[str, list[str]] = {}
        self._statements = _statements(set_up)
        apply(self._statements, self.account)
        if kept is not None and kept.exists():
            for kind, name, owner, reads in json.loads(kept.read_text()):
                self.account.things[kind, name] = Thing(owner)
                self._reads[name] = reads
        self._before = set(self._relations())

    def creating(self) -> Iterator[str]:
        """Yields the statements of the set-up that create what fakesnow keeps, rows included."""
        for statement, _ in split_statements(StringIO(self._statements), remove_comments=True):
            if _CREATES.match(statement or ""):
                yield _NOT_THERE.sub("", statement).rstrip("; \n")

    def session(self, user: str, role: str, warehouse: str, database: str, schema: str) -> Session:
        """Opens a session as a login does: what it may not use is not there.

        Raises:
            Refused: If the user or the role does not exist, or the user does not have the role.
        """
        there = self.account.of_kind("USER").get(user.upper())
        if there is None:
            raise Refused(MISSING, "JWT token is invalid.")
        own = there.settings
        role = (role or str(own.get("DEFAULT_ROLE", "PUBLIC"))).upper()
        if role not in self.account.has[f"USER {user.upper()}"]:
            raise Refused(
                MISSING,
                f"Role '{role}' specified in the connect string does not exist or not authorized.",
            )
        space = [*str(own.get("DEFAULT_NAMESPACE", "")).split("."), "", ""]
        opened = Session(user.upper(), role)
        wanted = (warehouse or str(own.get("DEFAULT_WAREHOUSE", ""))).upper()
        if self._met(role, Need("USAGE", "WAREHOUSE", wanted)):
            opened.warehouse = wanted
        wanted = (database or space[0]).upper()
        if self._met(role, Need("USAGE", "DATABASE", wanted)):
            opened.database = wanted
            opened.schema = (schema or ("" if database else space[1])).upper() or "PUBLIC"
        return opened

    def check(self, session: Session, statement: str) -> Asked:
        """Checks a statement before it runs.

        Returns:
            What it asks for, to be handed to `done` once it has run.

        Raises:
            Refused: If Snowflake would not run it.
        """
        asked = self._asked(session, _COMMENTS.sub("", statement).rstrip("; \n"))
        if asked.computes:
            if session.warehouse is None:
                raise Refused(
                    NO_WAREHOUSE,
                    "No active warehouse selected in the current session.  Select an active "
                    "warehouse with the 'use warehouse' command.",
                )
            self._require(session.role, Need("USAGE", "WAREHOUSE", session.warehouse))
        for need in asked.needs:
            self._require(session.role, need)
        return asked

    def done(self, session: Session, asked: Asked) -> None:
        """Records what a statement has changed."""
        for change in asked.then:
            change(session)
        if asked.then and self._kept is not None:
            self._kept.write_text(
                json.dumps(
                    [
                        [*key, thing.owner, self._reads.get(key[1], [])]
                        for key, thing in self.account.things.items()
                        if key[0] in ("SCHEMA", "STAGE", "TABLE", "VIEW")
                    ]
                )
            )

    def narrowed(self, session: Session, statement: str) -> str:
        """Leaves in the information schema what a role has some privilege on."""

        def only(found: re.Match[str]) -> str:
            if found["what"].lower() == "schemata":
                names, column = self._visible(session.role, ("SCHEMA",)), "schema_name"
            else:
                names = self._visible(session.role, ("TABLE", "VIEW"))
                column = "table_schema || '.' || table_name"
            own = sorted({name.partition(".")[2] for name in names})
            listed = ", ".join(f"'{name}'" for name in [*own, "INFORMATION_SCHEMA"])
            rows = f"select * from {found['view']} where upper({column}) in ({listed})"
            return f"{found['verb']} ({rows})"

        return _CATALOG.sub(only, statement)

    def _visible(self, role: str, kinds: Iterable[str]) -> list[str]:
        return [
            name
            for kind, name in self.account.things
            if kind in kinds and self._met(role, Need("", kind, name), note=False)
        ]

    def _relations(self) -> Iterator[str]:
        yield from (name for kind, name in self.account.things if kind in ("TABLE", "VIEW"))

    def _kind_of(self, name: str) -> str:
        return "VIEW" if ("VIEW", name) in self.account.things else "TABLE"

    def _met(self, role: str, need: Need, *, note: bool = True) -> set[str]:
        """The rights of a role that meet a need, way to the thing excluded."""
        held = self.account.rights(role)
        on = [f" ON {need.kind} {need.name}"]
        if need.kind in ("TABLE", "VIEW"):
            which = "ALL" if need.name in self._before else "FUTURE"
            schema = need.name.rpartition(".")[0]
            on.append(f" ON {which} {need.kind}S IN SCHEMA {schema}")
        if (need.kind, need.name) not in self.account.things:
            return set()
        found = {
            right
            for right in held
            for target in on
            if right.endswith(target)
            and (
                not need.privilege
                or right.removesuffix(target) in (need.privilege, "OWNERSHIP", "ALL PRIVILEGES")
            )
        }
        if note and found and len(found) <= len(self.used.get((role, need), found)):
            self.used[role, need] = found
        return found

    def _require(self, role: str, need: Need) -> None:
        parts = need.name.split(".")
        if need.kind not in ("WAREHOUSE", "DATABASE"):
            self._require(role, Need("USAGE", "DATABASE", parts[0]))
        if len(parts) == _PARTS:
            self._require(role, Need("USAGE", "SCHEMA", ".".join(parts[:2])))
        if not self._met(role, need):
            kind, name = need.kind.capitalize(), need.name
            if not self._met(role, need._replace(privilege=""), note=False):
                kind = "Object" if len(parts) == _PARTS else kind
                raise Refused(
                    MISSING,
                    f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.",
                )
            raise Refused(
                FORBIDDEN,
                "SQL access control error:\nInsufficient privileges to operate on "
                f"{kind.lower()} '{parts[-1]}'",
            )
        if need.kind == "VIEW" and need.privilege == "SELECT":
            owner = self.account.things["VIEW", need.name].owner
            for below in self._reads.get(need.name, []):
                self._require(owner, Need("SELECT", self._kind_of(below), below))

    def _asked(self, session: Session, statement: str) -> Asked:
        if _NOTHING_NEEDED.match(statement):
            return Asked()
        if found := _COPY.match(statement):
            table = _full(session, found["table"])
            needs = [
                Need("INSERT", "TABLE", table),
                self._of_stage(session, found["stage"], "READ"),
            ]
            return Asked(needs, computes=True)
        if found := _OF_STAGE.match(statement):
            privilege = "READ" if found["verb"].lower() in ("list", "ls") else "WRITE"
            return Asked([self._of_stage(session, found["stage"], privilege)])
        if statement.lower().startswith("show"):
            if found := _SHOW.match(statement):
                parts = _parts(found["name"])
                if found["kind"].lower() == "schema":
                    name = ".".join([session.database or "", *parts][-2:])
                    return Asked([Need("", "SCHEMA", name)])
                return Asked([Need("", "DATABASE", parts[-1])])
            return Asked()
        try:
            tree = sqlglot.parse_one(statement, dialect="snowflake")
        except sqlglot.errors.SqlglotError as error:
            raise _not_read(statement) from error
        return self._of_tree(session, tree, statement)

    def _of_stage(self, session: Session, stage: str, privilege: str) -> Need:
        """A table's own stage takes owning the table; one on S3 takes USAGE."""
        name = stage.partition("/")[0]
        if "%" in name:
            return Need("OWNERSHIP", "TABLE", _full(session, name.replace("%", "")))
        full = _full(session, name)
        thing = self.account.things.get(("STAGE", full), Thing(""))
        return Need("USAGE" if "URL" in thing.settings else privilege, "STAGE", full)

    def _of_tree(self, session: Session, tree: exp.Expr, statement: str) -> Asked:
        if isinstance(tree, exp.Query):
            reads = self._reading(session, tree)
            return Asked(reads, computes=bool(reads))
        if isinstance(tree, exp.Create):
            return self._of_create(session, tree)
        if isinstance(tree, exp.Drop):
            return self._of_drop(session, tree)
        if isinstance(tree, exp.Insert | exp.Delete | exp.Update | exp.Merge | exp.TruncateTable):
            return self._of_change(session, tree)
        if isinstance(tree, exp.Alter | exp.Comment):
            return Asked([Need("OWNERSHIP", *self._thing(session, tree))])
        if isinstance(tree, exp.Use):
            return self._of_use(session, tree)
        if isinstance(tree, exp.Describe):
            return Asked([Need("", *self._thing(session, tree))])
        raise _not_read(statement)

    def _thing(self, session: Session, tree: exp.Expr) -> tuple[str, str]:
        table = tree.this if isinstance(tree.this, exp.Table) else tree.find(exp.Table)
        if table is None:
            raise _not_read(tree.sql("snowflake"))
        name = session.full(*_of_table(table))
        return self._kind_of(name), name

    def _reading(
        self, session: Session, tree: exp.Expr | None, but: exp.Table | None = None
    ) -> list[Need]:
        """SELECT on each relation in a query, without its common table expressions."""
        if tree is None:
            return []
        own = {cte.alias.upper() for cte in tree.find_all(exp.CTE)}
        needs = []
        for table in tree.find_all(exp.Table):
            if table is but or not isinstance(table.this, exp.Identifier):
                continue
            database, schema, name = _of_table(table)
            if not schema and name in own:
                continue
            if schema == "INFORMATION_SCHEMA":
                needs.append(Need("USAGE", "DATABASE", database or session.database or ""))
                continue
            full = session.full(database, schema, name)
            needs.append(Need("SELECT", self._kind_of(full), full))
        return list(dict.fromkeys(needs))

    def _of_create(self, session: Session, tree: exp.Create) -> Asked:
        kind = str(tree.args.get("kind")).upper()
        table = tree.this if isinstance(tree.this, exp.Table) else tree.this.find(exp.Table)
        if kind == "SCHEMA":
            full = _schema(session, table)
            makes = Need("CREATE SCHEMA", "DATABASE", full.partition(".")[0])
        else:
            full = session.full(*_of_table(table))
            makes = Need(f"CREATE {kind}", "SCHEMA", full.rpartition(".")[0])
        properties = tree.args.get("properties")
        is_temporary = bool(properties and properties.find(exp.TemporaryProperty))
        needs = [Need("USAGE", *makes[1:]) if is_temporary and kind == "TABLE" else makes]
        is_there = (kind, full) in self.account.things
        if is_there and tree.args.get("replace"):
            needs.append(Need("OWNERSHIP", kind, full))
        clone = tree.args.get("clone")
        reads = self._reading(session, clone or tree.expression or None)
        keeps = is_there and bool(tree.args.get("exists"))

        def make(by: Session) -> None:
            if not keeps:
                self.account.things[kind, full] = Thing(by.role)
                self._before.discard(full)
                self._reads[full] = [need.name for need in reads if need.kind in _RELATIONS]

        is_query = kind == "TABLE" and tree.expression is not None and clone is None
        return Asked([*needs, *reads], computes=is_query, then=[make])

    def _of_drop(self, session: Session, tree: exp.Drop) -> Asked:
        kind = str(tree.args.get("kind")).upper()
        is_schema = kind == "SCHEMA"
        table = tree.find(exp.Table)
        if table is None:
            raise _not_read(tree.sql("snowflake"))
        full = _schema(session, table) if is_schema else session.full(*_of_table(table))
        if tree.args.get("exists") and (kind, full) not in self.account.things:
            return Asked()

        def drop(_: Session) -> None:
            inside = [k for k in self.account.things if k[1] == full or k[1].startswith(f"{full}.")]
            for key in inside if is_schema else [(kind, full)]:
                self.account.things.pop(key, None)
                self._reads.pop(key[1], None)

        return Asked([Need("OWNERSHIP", kind, full)], then=[drop])

    def _of_change(self, session: Session, tree: exp.Expr) -> Asked:
        target = tree.this if isinstance(tree.this, exp.Table) else tree.find(exp.Table)
        if target is None:
            raise _not_read(tree.sql("snowflake"))
        name = session.full(*_of_table(target))
        verbs = (
            ["INSERT", "UPDATE", "DELETE"]
            if isinstance(tree, exp.Merge)
            else ["TRUNCATE" if isinstance(tree, exp.TruncateTable) else tree.key.upper()]
        )
        needs = [Need(verb, self._kind_of(name), name) for verb in verbs]
        return Asked([*needs, *self._reading(session, tree, but=target)], computes=True)

    def _of_use(self, session: Session, tree: exp.Use) -> Asked:
        kind = str(tree.args.get("kind") or "DATABASE").upper()
        parts = _given(tree.this)
        if kind == "ROLE":
            if parts[-1] not in self.account.has[f"USER {session.user}"]:
                raise Refused(
                    MISSING,
                    f"SQL compilation error:\nRole '{parts[-1]}' does not exist or not authorized.",
                )
            return Asked(then=[lambda by: setattr(by, "role", parts[-1])])
        if kind == "WAREHOUSE":
            need = Need("USAGE", kind, parts[-1])
            return Asked([need], then=[lambda by: setattr(by, "warehouse", parts[-1])])
        if kind == "DATABASE":
            need = Need("USAGE", kind, parts[-1])
            return Asked([need], then=[lambda by: setattr(by, "database", parts[-1])])
        name = ".".join([session.database or "", *parts][-2:])

        def use(by: Session) -> None:
            by.database, by.schema = name.split(".")

        return Asked([Need("USAGE", "SCHEMA", name)], then=[use])


_RELATIONS = ("TABLE", "VIEW")


def _statements(set_up: Path) -> str:
    values = variables(set_up)
    texts = [filled_in(file.read_text(), values) for file in sorted(set_up.glob(_FILES))]
    return "\n".join(texts)


def _not_read(statement: str) -> Refused:
    return Refused(NOT_READ, f"the stand-in cannot tell what this needs: {statement[:200]}")


def _parts(name: str) -> list[str]:
    """The parts of a name as Snowflake knows them: in capitals, unless quoted."""
    found = re.findall(r'"([^"]+)"|([^."]+)', name)
    return [quoted or plain.upper() for quoted, plain in found]


def _full(session: Session, name: str) -> str:
    parts = _parts(name)
    return session.full(*[None] * (_PARTS - len(parts)), *parts)


def _given(table: exp.Table) -> list[str]:
    return [part for part in _of_table(table) if part]


def _schema(session: Session, table: exp.Table) -> str:
    return ".".join([session.database or "", *_given(table)][-2:])


def _of_table(table: exp.Table) -> tuple[str, str, str]:
    """Database, schema and name; empty where not given."""

    def part(name: str) -> str:
        found = table.args.get(name)
        if not isinstance(found, exp.Identifier):
            return ""
        return str(found.this) if found.args.get("quoted") else str(found.this).upper()

    return part("catalog"), part("db"), part("this")
