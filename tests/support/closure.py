"""What the set-up of Snowflake may give to whom, and what is wrong with it if it gives more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from local_dev.account.model import ACCOUNT_DEFAULTS, ADMINISTRATORS, PUBLIC, Account, Thing
from local_dev.account.statements import NotUnderstood, apply, filled_in, variables

FOLDER = Path(__file__).resolve().parents[2] / "infra" / "snowflake"
TEARDOWN = "99_teardown.sql"
# What not everybody runs, each with the files that it needs.
OPTIONAL = {
    *{"06_workload_identity.sql", "07_storage_integration.sql", "08_account_defaults.sql"},
    "09_developers.sql",
}

LOADER, TRANSFORMER, DASHBOARD, DEVELOPER = (
    f"MOVIELENS_{name}" for name in ("LOADER", "TRANSFORMER", "DASHBOARD", "DEVELOPER")
)
PRODUCTION, DEVELOPMENT = "MOVIELENS", "MOVIELENS_DEV"
SCHEMAS = ("RAW", "STORE", "ANALYTICS", "MARTS_CANDIDATE", "AUDIT", "MARTS_STORE", "MARTS")
_LEASE = {f"{each} ON TABLE MOVIELENS.RAW._LEASE" for each in ("SELECT", "UPDATE")}
_DATABASE = "USAGE ON DATABASE MOVIELENS"


def _in_schema(schema: str, *privileges: str) -> set[str]:
    return {f"{privilege} ON SCHEMA MOVIELENS.{schema}" for privilege in ("USAGE", *privileges)}


def _reads(schema: str) -> set[str]:
    return {f"SELECT ON {which} TABLES IN SCHEMA MOVIELENS.{schema}" for which in ("ALL", "FUTURE")}


ALLOWED: dict[str, set[str]] = {
    LOADER: {
        "USAGE ON WAREHOUSE MOVIELENS_PIPELINE",
        _DATABASE,
        *_in_schema("RAW", "CREATE TABLE"),
        *_LEASE,
    },
    TRANSFORMER: {
        "USAGE ON WAREHOUSE MOVIELENS_PIPELINE",
        _DATABASE,
        *_in_schema("RAW"),
        *_reads("RAW"),
        "UPDATE ON TABLE MOVIELENS.RAW._LEASE",
        *_in_schema("STORE", "CREATE TABLE", "CREATE VIEW"),
        *_in_schema("ANALYTICS", "CREATE VIEW"),
        *_in_schema("MARTS_CANDIDATE", "CREATE VIEW"),
        *_in_schema("AUDIT", "CREATE VIEW"),
        *_in_schema("MARTS_STORE", "CREATE TABLE"),
        *_in_schema("MARTS", "CREATE VIEW"),
    },
    DASHBOARD: {
        "USAGE ON WAREHOUSE MOVIELENS_DASHBOARD",
        _DATABASE,
        *_in_schema("MARTS"),
        "SELECT ON ALL VIEWS IN SCHEMA MOVIELENS.MARTS",
        "SELECT ON FUTURE VIEWS IN SCHEMA MOVIELENS.MARTS",
    },
    DEVELOPER: {
        "USAGE ON WAREHOUSE MOVIELENS_DEVELOPER",
        "USAGE ON DATABASE MOVIELENS_DEV",
        "CREATE SCHEMA ON DATABASE MOVIELENS_DEV",
        # To nobody else: only this role may use the database.
        "GRANTS ON WHAT IT MAKES IN DATABASE MOVIELENS_DEV",
        _DATABASE,
        *_in_schema("RAW"),
        *_reads("RAW"),
        *_in_schema("STORE"),
        *_reads("STORE"),
    },
}
# With 07_storage_integration.sql only.
ALLOWED_STAGE = {LOADER: {"USAGE ON STAGE MOVIELENS.RAW.STAGING"}}
# Longest statement, longest wait for a place; of the warehouse and of its users.
TIMEOUTS = {
    "MOVIELENS_PIPELINE": (3600, 600),
    "MOVIELENS_DASHBOARD": (30, 30),
    "MOVIELENS_DEVELOPER": (3600, 600),
}
# Of the service users, each of which is named as its role. Developers are persons.
WAREHOUSE_OF = {
    LOADER: "MOVIELENS_PIPELINE",
    TRANSFORMER: "MOVIELENS_PIPELINE",
    DASHBOARD: "MOVIELENS_DASHBOARD",
}

Texts = Mapping[str, str]


def set_up(optional: bool = True) -> dict[str, str]:
    """Reads the files that set an account up, in their order, filled in.

    Args:
        optional: Whether the optional ones are among them.

    Returns:
        Their texts by their names.
    """
    values = variables(FOLDER)
    names = sorted(path.name for path in FOLDER.glob("*.sql") if path.name != TEARDOWN)
    wanted = [name for name in names if optional or name not in OPTIONAL]
    return {name: filled_in((FOLDER / name).read_text(), values) for name in wanted}


def account_after(texts: Texts) -> Account:
    """Computes the account that files leave.

    Raises:
        NotUnderstood: If one has a statement outside the grammar; says which.
    """
    account = Account()
    for name, text in texts.items():
        # Each file is a session of its own.
        account.role = ""
        try:
            apply(text, account)
        except NotUnderstood as error:
            raise NotUnderstood(f"{name}: {error}") from None
    return account


def findings(account: Account) -> list[str]:
    """Tells everything that is wrong with an account; empty if nothing is."""
    return [
        *account.complaints,
        *_of_rights(account),
        *_of_holders(account),
        *_of_databases(account),
        *_of_schemas(account),
        *_of_owners(account),
        *_of_lease(account),
        *_of_users(account),
        *_of_warehouses(account),
        *_of_monitors(account),
        *_of_policies(account),
        *_of_locations(account),
    ]


def allowed(account: Account, role: str) -> set[str]:
    """Gives the whole list of what a role may do in this account."""
    stage = ALLOWED_STAGE.get(role, set()) if account.of_kind("STAGE") else set()
    return ALLOWED[role] | stage


def _there(account: Account, names: Iterable[str]) -> list[str]:
    """Leaves out the developers' role, or warehouse, if nobody asked for developers."""
    has_developers = DEVELOPER in account.of_kind("ROLE")
    return [name for name in names if has_developers or name != DEVELOPER]


def _persons(account: Account) -> set[str]:
    users = account.of_kind("USER").items()
    return {name for name, user in users if user.settings.get("TYPE") == "PERSON"}


def _of_rights(account: Account) -> Iterator[str]:
    for role in _there(account, ALLOWED):
        # What every account gives to everyone is not this set-up's; 08 is for those who own one.
        held = {
            right: how
            for right, how in account.rights(role).items()
            if not (how == PUBLIC and right in ACCOUNT_DEFAULTS)
        }
        for right in sorted(held.keys() - allowed(account, role)):
            through = "" if held[right] == role else f" (through {held[right]})"
            yield f"{role} must not have: {right}{through}"
        for right in sorted(allowed(account, role) - held.keys()):
            yield f"{role} lacks: {right}"
    for right in sorted(account.grants[PUBLIC] - ACCOUNT_DEFAULTS):
        yield f"{PUBLIC} must not have: {right}"


def _of_holders(account: Account) -> Iterator[str]:
    known = {*ALLOWED, *ADMINISTRATORS, PUBLIC}
    for role in sorted(account.of_kind("ROLE").keys() - known):
        yield f"role {role} is none of the set-up's"
    for role in _there(account, ALLOWED):
        users = _persons(account) if role == DEVELOPER else {role}
        for kind, name in sorted(account.holders(role)):
            if (kind, name) != ("ROLE", "SYSADMIN") and (kind != "USER" or name not in users):
                yield f"{kind} {name} must not hold role {role}"
        if ("ROLE", "SYSADMIN") not in account.holders(role):
            yield f"SYSADMIN does not hold role {role}, so that nobody can mend what it owns"
    for role in ADMINISTRATORS:
        for kind, name in sorted(account.holders(role)):
            if name not in ADMINISTRATORS:
                yield f"{kind} {name} must not hold role {role}"


def _of_databases(account: Account) -> Iterator[str]:
    for name, database in account.of_kind("DATABASE").items():
        is_transient = "TRANSIENT" in database.settings
        if name not in {PRODUCTION, DEVELOPMENT}:
            yield f"database {name} is none of the set-up's"
        if database.owner != "SYSADMIN":
            yield f"database {name} is owned by {database.owner}, not by SYSADMIN"
        if name == PRODUCTION and is_transient:
            yield f"database {name} is transient, so Snowflake keeps nothing to recover it from"
        if name == DEVELOPMENT and not is_transient:
            yield f"database {name} is not transient, so dbt's tables cannot be cloned into it"


def _of_schemas(account: Account) -> Iterator[str]:
    for name in sorted(
        {f"MOVIELENS.{schema}" for schema in SCHEMAS} - {*account.of_kind("SCHEMA")}
    ):
        yield f"schema {name} is missing"
    for name, schema in account.of_kind("SCHEMA").items():
        if not schema.settings.get("MANAGED ACCESS"):
            yield f"schema {name} is without managed access"


def _of_owners(account: Account) -> Iterator[str]:
    for (kind, name), thing in account.things.items():
        if thing.owner not in ADMINISTRATORS:
            yield f"{kind} {name} is owned by {thing.owner or 'nobody'}, not by an administrator"


def _of_lease(account: Account) -> Iterator[str]:
    lease = f"{PRODUCTION}.RAW._LEASE"
    if not account.things.get(("TABLE", lease), Thing("")).settings.get("HAS A ROW"):
        yield f"table {lease} has no row, so no run can take the lease"


def _of_users(account: Account) -> Iterator[str]:
    users = account.of_kind("USER")
    persons = _persons(account) - WAREHOUSE_OF.keys()
    for name in sorted((users.keys() - persons) ^ WAREHOUSE_OF.keys()):
        yield f"user {name} is {'none of the set-up' if name in users else 'missing'}"
    for name in sorted(users.keys() & WAREHOUSE_OF.keys()):
        yield from _of_any_user(account, name, name)
        yield from _of_service(account, name, users[name])
    for name in sorted(persons):
        yield from _of_any_user(account, name, DEVELOPER)


def _of_any_user(account: Account, name: str, role: str) -> Iterator[str]:
    roles = account.has.get(f"USER {name}", set())
    if roles != {role}:
        yield f"user {name} has roles {sorted(roles)}, not {role} alone"
    # With whichever of its roles, at once or one after the other.
    reached = account.rights_of_user(name)
    for right in sorted(reached.keys() - account.rights(role).keys()):
        yield f"user {name} reaches: {right} (through {reached[right]})"
    user = account.of_kind("USER")[name]
    expected = {"DEFAULT_ROLE": role, "DEFAULT_SECONDARY_ROLES": ()}
    yield from _differences(f"user {name}", user, expected)
    if "PASSWORD" in user.settings:
        yield f"user {name} has a password"


def _of_service(account: Account, name: str, user: Thing) -> Iterator[str]:
    warehouse = WAREHOUSE_OF[name]
    expected = {
        "TYPE": "SERVICE",
        "DEFAULT_WAREHOUSE": warehouse,
        **_timeouts(warehouse),
    }
    yield from _differences(f"user {name}", user, expected)
    if "RSA_PUBLIC_KEY_2" in user.settings:
        yield f"user {name} has a second key"
    ways = [each for each in ("RSA_PUBLIC_KEY", "WORKLOAD_IDENTITY") if user.settings.get(each)]
    if len(ways) != 1:
        yield f"user {name} has {len(ways)} ways to log in, not one: a key or a workload identity"
    policy = user.settings.get("NETWORK_POLICY")
    if policy != warehouse or ("NETWORK POLICY", str(policy)) not in account.things:
        yield f"user {name} has network policy {policy}, not {warehouse}"
    yield from _of_identity(name, user)


def _of_identity(name: str, user: Thing) -> Iterator[str]:
    identity = user.settings.get("WORKLOAD_IDENTITY")
    if isinstance(identity, dict):
        subject = str(identity.get("SUBJECT", ""))
        if ":environment:" not in subject or "*" in subject:
            yield f"user {name}: subject {subject!r} is not one environment of one repository"
        audience = (name.lower().replace("_", "-"),)
        if identity.get("OIDC_AUDIENCE_LIST") != audience:
            yield f"user {name} shares its workload identity: its audience is not {audience[0]}"


def _of_warehouses(account: Account) -> Iterator[str]:
    warehouses = account.of_kind("WAREHOUSE")
    known = {*_there(account, TIMEOUTS)}
    for name in sorted(warehouses.keys() ^ known):
        yield f"warehouse {name} is {'none of the set-up' if name in warehouses else 'missing'}"
    for name in sorted(warehouses.keys() & known):
        expected = {
            "WAREHOUSE_SIZE": "XSMALL",
            "AUTO_SUSPEND": 60,
            "AUTO_RESUME": True,
            "INITIALLY_SUSPENDED": True,
            "RESOURCE_MONITOR": name,
            **_timeouts(name),
        }
        yield from _differences(f"warehouse {name}", warehouses[name], expected)
        if warehouses[name].settings.get("MAX_CLUSTER_COUNT", 1) != 1:
            yield f"warehouse {name} grows to more than one cluster"


def _of_monitors(account: Account) -> Iterator[str]:
    monitors = account.of_kind("RESOURCE MONITOR")
    for name in _there(account, TIMEOUTS):
        settings = monitors[name].settings if name in monitors else {}
        if not settings.get("CREDIT_QUOTA"):
            yield f"resource monitor {name} has no quota"
        triggers = settings.get("TRIGGERS", {})
        if not isinstance(triggers, dict) or triggers.get("SUSPEND") != 100:
            yield f"resource monitor {name} does not suspend at 100 percent"


def _of_policies(account: Account) -> Iterator[str]:
    for name in sorted({*WAREHOUSE_OF.values()}):
        policy = account.of_kind("NETWORK POLICY").get(name)
        settings = policy.settings if policy else {}
        lists = [settings.get(f"ALLOWED_{each}_LIST", ()) for each in ("IP", "NETWORK_RULE")]
        places = [place for each in lists if isinstance(each, tuple) for place in each]
        if not places:
            yield f"network policy {name} allows no place, or all of them"
        for place in places:
            if str(place).startswith("0.0.0.0") or str(place).endswith("/0"):
                yield f"network policy {name} lets everybody in: {place}"


def _of_locations(account: Account) -> Iterator[str]:
    for name, integration in account.of_kind("INTEGRATION").items():
        locations = integration.settings.get("STORAGE_ALLOWED_LOCATIONS", ())
        for location in locations if isinstance(locations, tuple) else ():
            _, _, prefix = str(location).removeprefix("s3://").partition("/")
            if not prefix.rstrip("/") or not prefix.endswith("/") or "*" in prefix:
                yield f"integration {name} is not limited to one prefix: {location}"
        for stage, thing in account.of_kind("STAGE").items():
            if thing.settings.get("STORAGE_INTEGRATION") != name:
                yield f"stage {stage} does not use integration {name}"
            if thing.settings.get("URL") not in (locations if isinstance(locations, tuple) else ()):
                yield f"stage {stage} reads {thing.settings.get('URL')}"


def _timeouts(warehouse: str) -> dict[str, int]:
    statement, queue = TIMEOUTS[warehouse]
    return {
        "STATEMENT_TIMEOUT_IN_SECONDS": statement,
        "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": queue,
    }


def _differences(what: str, thing: Thing, expected: Mapping[str, object]) -> Iterator[str]:
    for name, value in expected.items():
        if name not in thing.settings:
            yield f"{what}: {name} is not set"
        elif thing.settings[name] != value:
            yield f"{what}: {name} is {thing.settings[name]!r}, not {value!r}"


def table(account: Account) -> str:
    """Shows what each role may do, as docs/production.md does.

    Args:
        account: The account as the set-up leaves it.

    Returns:
        A Markdown table: a row for each thing, a column for each role.
    """
    cells: dict[str, dict[str, list[str]]] = {}
    for role in ALLOWED:
        for right in sorted(account.rights(role)):
            privilege, _, target = right.partition(" ON ")
            cells.setdefault(target, {}).setdefault(role, []).append(privilege.lower())
    lines = ["| on | " + " | ".join(f"`{role}`" for role in ALLOWED) + " |"]
    lines.append("|---" * (1 + len(ALLOWED)) + "|")
    for target in sorted(cells, key=lambda each: (each.split()[::-1], each)):
        kind, _, name = target.rpartition(" ")
        row = [", ".join(cells[target].get(role, [])) for role in ALLOWED]
        lines.append(f"| {kind.lower()} `{name}` | {' | '.join(row)} |")
    return "\n".join(lines)
