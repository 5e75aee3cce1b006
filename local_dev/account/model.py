"""A Snowflake account as statements leave it, and the closure of what each role can do in it.

A right is a line such as `SELECT ON FUTURE VIEWS IN SCHEMA MOVIELENS.MARTS`. Where Snowflake's
rules depend on what is in the account, the wider reading is taken: a future grant counts although
nothing is there yet, a role counts although a session would have to switch to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

PUBLIC = "PUBLIC"
# The roles that every account has, and the roles that each of them has.
ADMINISTRATORS = {
    "ACCOUNTADMIN": {"SECURITYADMIN", "SYSADMIN"},
    "SECURITYADMIN": {"USERADMIN"},
    "SYSADMIN": set(),
    "USERADMIN": set(),
}
# What a new account grants to everyone; 08_account_defaults.sql takes it away.
ACCOUNT_DEFAULTS = frozenset(
    {
        "USE AI FUNCTIONS ON ACCOUNT",
        "DATABASE ROLE SNOWFLAKE.CORTEX_USER",
        "DATABASE ROLE SNOWFLAKE.COPILOT_USER",
    }
)
# Who may make what, of the administrators that a set-up uses.
MAKERS = {
    "ROLE": {"USERADMIN", "SECURITYADMIN", "ACCOUNTADMIN"},
    "USER": {"USERADMIN", "SECURITYADMIN", "ACCOUNTADMIN"},
    "NETWORK POLICY": {"SECURITYADMIN", "ACCOUNTADMIN"},
    "RESOURCE MONITOR": {"ACCOUNTADMIN"},
    "INTEGRATION": {"ACCOUNTADMIN"},
    "WAREHOUSE": {"SYSADMIN", "ACCOUNTADMIN"},
    "DATABASE": {"SYSADMIN", "ACCOUNTADMIN"},
    "SCHEMA": {"SYSADMIN", "ACCOUNTADMIN"},
    "TABLE": {"SYSADMIN", "ACCOUNTADMIN"},
    "STAGE": {"SYSADMIN", "ACCOUNTADMIN"},
    "NETWORK RULE": {"SYSADMIN", "ACCOUNTADMIN"},
    "AUTHENTICATION POLICY": {"SYSADMIN", "ACCOUNTADMIN"},
}
# What a thing is in.
HOLDERS = {
    "SCHEMA": "DATABASE",
    **dict.fromkeys(("TABLE", "STAGE", "NETWORK RULE", "AUTHENTICATION POLICY"), "SCHEMA"),
}
GRANTERS = {"SECURITYADMIN", "ACCOUNTADMIN"}
# Who may set what, where it needs more than owning the thing.
SETTERS = {"MANAGED ACCESS": GRANTERS, "RESOURCE_MONITOR": {"ACCOUNTADMIN"}}

Value = str | int | bool | tuple["Value", ...] | dict[str, "Value"]


@dataclass
class Thing:
    """Something in the account: its owner, and its settings as they were last set."""

    owner: str
    settings: dict[str, Value] = field(default_factory=dict)


@dataclass
class Account:
    """What statements have made so far.

    Attributes:
        role: Whose rights the next statement has.
        things: By kind and name; roles and users are among them.
        has: The roles that each role, and each user, was granted.
        grants: The rights that each role was granted.
        complaints: What Snowflake would have refused.
    """

    role: str = ""
    things: dict[tuple[str, str], Thing] = field(default_factory=dict)
    has: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    grants: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for role, below in ADMINISTRATORS.items():
            self.has[_key("ROLE", role)] |= below
        self.grants[PUBLIC] |= ACCOUNT_DEFAULTS

    def of_kind(self, kind: str) -> dict[str, Thing]:
        """Gives everything of one kind by its name."""
        return {name: thing for (each, name), thing in self.things.items() if each == kind}

    def need(self, kind: str, name: str) -> Thing:
        """Gives a thing, or complains and gives one that nothing will find."""
        if kind == "ROLE" and name in {*ADMINISTRATORS, PUBLIC}:
            return Thing("")
        if (kind, name) not in self.things:
            self.complaints.append(f"{kind} {name} is not there")
            return Thing("")
        return self.things[kind, name]

    def make(self, kind: str, name: str, if_not_exists: bool) -> bool:
        """Makes a thing, owned by the role in use, unless it is there already.

        Returns:
            Whether it is new, so that the rest of its statement counts.
        """
        if self.role not in MAKERS[kind]:
            self.complaints.append(f"{self.role or 'nobody'} may not create {kind} {name}")
        if kind in HOLDERS:
            self.need(HOLDERS[kind], name.rpartition(".")[0])
        if (kind, name) in self.things:
            if not if_not_exists:
                self.complaints.append(f"{kind} {name} is there already; a second run fails")
            return False
        self.things[kind, name] = Thing(self.role)
        if kind == "DATABASE":
            self._with_defaults(name)
        return True

    def _with_defaults(self, database: str) -> None:
        """A new database has a schema for everyone; assumed to be as open as it ever was."""
        self.things["SCHEMA", f"{database}.{PUBLIC}"] = Thing(self.role)
        self.grants[PUBLIC] |= {
            f"USAGE ON DATABASE {database}",
            f"ALL PRIVILEGES ON SCHEMA {database}.{PUBLIC}",
        }

    def alter(self, kind: str, name: str, settings: Iterable[str]) -> dict[str, Value]:
        """Gives the settings of a thing to be changed, by its owner or whoever has that role.

        Args:
            kind: What it is.
            name: Its name.
            settings: Which are to be changed.

        Returns:
            All of them.
        """
        thing = self.need(kind, name)
        if thing.owner and thing.owner not in self._roles_of(self.role):
            self.complaints.append(f"{self.role or 'nobody'} may not alter {kind} {name}")
        for setting in settings:
            if self.role not in SETTERS.get(setting, {self.role}):
                self.complaints.append(f"{self.role} may not set {setting} of {kind} {name}")
        return thing.settings

    def drop(self, kind: str, name: str) -> None:
        """Removes a thing, what is in it, and every right on it or of it."""
        if (kind, name) in self.things:
            self.alter(kind, name, ())
        inside = [key for key in self.things if key == (kind, name) or _within(key, kind, name)]
        self.complaints += [
            f"{kind} {name} cannot be dropped while {' '.join(user)} uses {its_name}"
            for each, its_name in inside
            for user, thing in self.things.items()
            if its_name in _used(each, thing)
        ]
        for each, its_name in inside:
            del self.things[each, its_name]
            self.has.pop(_key(each, its_name), None)
            for rights in self.grants.values():
                rights -= {right for right in rights if right.endswith(f" {each} {its_name}")}
        if kind == "ROLE":
            self.grants.pop(name, None)
            for roles in self.has.values():
                roles.discard(name)

    def grant_role(self, role: str, kind: str, name: str) -> None:
        """Gives a role to a role or to a user."""
        self._as_granter(f"ROLE {role}")
        self.need("ROLE", role)
        self.need(kind, name)
        self.has[_key(kind, name)].add(role)

    def revoke_role(self, role: str, kind: str, name: str) -> None:
        """Takes a role from a role or from a user."""
        self._as_granter(f"ROLE {role}")
        self.has[_key(kind, name)].discard(role)

    def grant(self, privileges: list[str], target: str, role: str) -> None:
        """Gives privileges on a target to a role."""
        self._as_granter(target)
        self._need_target(target)
        self.need("ROLE", role)
        self.grants[role] |= {f"{privilege} ON {target}" for privilege in privileges}

    def revoke(self, privileges: list[str], target: str, role: str) -> None:
        """Takes privileges on a target from a role."""
        self._as_granter(target)
        self._need_target(target)
        every = "ALL PRIVILEGES" in privileges
        gone = {f"{privilege} ON {target}" for privilege in privileges}
        self.grants[role] -= {
            right
            for right in self.grants[role]
            if right in gone or (every and right.endswith(f" ON {target}"))
        }

    def _need_target(self, target: str) -> None:
        if target != "ACCOUNT":
            kind, _, name = target.rpartition(" IN ")[2].rpartition(" ")
            self.need(kind, name)

    def _as_granter(self, what: str) -> None:
        if self.role not in GRANTERS:
            self.complaints.append(f"{self.role or 'nobody'} may not grant or revoke {what}")

    def rights(self, role: str) -> dict[str, str]:
        """Computes the closure of what a role can do.

        Args:
            role: Its name.

        Returns:
            Each right, and by way of which role it is held.
        """
        found: dict[str, str] = {}
        for holder in self._roles_of(role):
            if holder not in {role, PUBLIC}:
                found[f"ROLE {holder}"] = holder
            for right in [*self.grants.get(holder, ()), *self._owned(holder)]:
                found.setdefault(right, holder)
        return {**found, **dict.fromkeys(self._passed_on(found), role)}

    def rights_of_user(self, user: str) -> dict[str, str]:
        """Computes the closure of what a user can do with any of its roles."""
        found: dict[str, str] = {}
        for role in sorted(self.has[_key("USER", user)]):
            found |= {right: how for right, how in self.rights(role).items() if right not in found}
        return found

    def holders(self, role: str) -> Iterator[tuple[str, str]]:
        """Yields kind and name of everyone who was granted a role."""
        for key, roles in self.has.items():
            if role in roles:
                kind, _, name = key.partition(" ")
                yield kind, name

    def _roles_of(self, role: str) -> list[str]:
        found, waiting = [], [role]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.append(each)
                waiting += sorted(self.has.get(_key("ROLE", each), ()))
        return [*found, PUBLIC]

    def _owned(self, role: str) -> list[str]:
        owned = (key for key, thing in self.things.items() if thing.owner == role)
        return [f"OWNERSHIP ON {kind} {name}" for kind, name in owned]

    def _passed_on(self, rights: dict[str, str]) -> Iterator[str]:
        """Yields where a role can grant to others what it makes: schemas without managed access.

        Those that it makes itself have managed access only if it says so.
        """
        for name in self.of_kind("DATABASE"):
            if any(
                right.startswith(("CREATE SCHEMA ", "ALL PRIVILEGES ", "OWNERSHIP "))
                and right.endswith(f" ON DATABASE {name}")
                for right in rights
            ):
                yield f"GRANTS ON WHAT IT MAKES IN DATABASE {name}"
        for name, schema in self.of_kind("SCHEMA").items():
            makes = any(
                right.startswith(("CREATE ", "ALL PRIVILEGES ", "OWNERSHIP "))
                and (right.endswith(f" SCHEMA {name}") or f" {name}." in right)
                for right in rights
            )
            if makes and not schema.settings.get("MANAGED ACCESS"):
                yield f"GRANTS ON WHAT IT MAKES IN SCHEMA {name}"


def _key(kind: str, name: str) -> str:
    return f"{kind} {name}"


def _used(kind: str, by: Thing) -> Iterator[str]:
    """Yields the things of a kind that Snowflake keeps for as long as another one uses them."""
    if kind == "AUTHENTICATION POLICY":
        yield str(by.settings.get(kind, ""))
    if kind == "NETWORK POLICY":
        yield str(by.settings.get("NETWORK_POLICY", ""))
    if kind == "NETWORK RULE":
        rules = by.settings.get("ALLOWED_NETWORK_RULE_LIST", ())
        yield from map(str, rules if isinstance(rules, tuple) else ())


def _within(key: tuple[str, str], kind: str, name: str) -> bool:
    return kind in {"DATABASE", "SCHEMA"} and key[1].startswith(f"{name}.")
