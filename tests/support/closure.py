"""What the set-up of Snowflake may give to whom, and what is wrong with it if it gives more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, collapse_addresses
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
SCHEMAS = (
    *("RAW", "STORE", "ANALYTICS", "MARTS_CANDIDATE", "AUDIT", "MARTS_STORE", "MARTS", "ACCESS"),
)
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
ALLOWED_STAGE = {
    LOADER: {f"USAGE ON STAGE MOVIELENS.RAW.{name}" for name in ("STAGING", "LANDING")}
}
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

NAMESPACE_OF = {LOADER: "RAW", TRANSFORMER: "ANALYTICS", DASHBOARD: "MARTS"}
# Who owns what of a kind.
OWNERS = {
    "ROLE": "SECURITYADMIN",
    **dict.fromkeys(("DATABASE", "SCHEMA", "TABLE"), "SYSADMIN"),
}
GITHUB_RULE = "SNOWFLAKE.NETWORK_SECURITY.GITHUBACTIONS_GLOBAL"
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
# The longest prefix that a set-up may allow; and the most credits a month, by slip or not.
WIDEST_NETWORK = 16
MOST_CREDITS = 1_000
# The set-up never resets these, which would restart the month's quota: only creation is compared.
_MONITOR = {
    "FREQUENCY": "MONTHLY",
    "START_TIMESTAMP": "IMMEDIATELY",
    "TRIGGERS": {"NOTIFY": 80, "SUSPEND": 100, "SUSPEND_IMMEDIATE": 110},
}
_LEASE_COLUMNS = {
    "FENCE": "BIGINT",
    "HOLDER": "VARCHAR",
    "HOME": "VARCHAR",
    "TAKEN_AT": "TIMESTAMP_TZ",
    "EXPIRES_AT": "TIMESTAMP_TZ",
    "NEXT_FILE_ID": "BIGINT",
}

Texts = Mapping[str, str]
Values = Mapping[str, str]
Settings = dict[str, object]


def set_up(optional: bool = True, values: Values | None = None) -> dict[str, str]:
    """Reads the files that set an account up, in their order, filled in.

    Args:
        optional: Whether the optional ones are among them.
        values: What they are filled in with, if not with what `snowflake.yml` says.

    Returns:
        Their texts by their names.
    """
    values = values or variables(FOLDER)
    names = sorted(path.name for path in FOLDER.glob("*.sql") if path.name != TEARDOWN)
    wanted = [name for name in names if optional or name not in OPTIONAL]
    return {name: filled_in((FOLDER / name).read_text(), {**values}) for name in wanted}


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


def findings(account: Account, values: Values | None = None) -> list[str]:
    """Tells everything that is wrong with an account; empty if nothing is.

    Args:
        account: The account.
        values: What its files were filled in with, if not with what `snowflake.yml` says.
    """
    return [
        *account.complaints,
        *_of_rights(account),
        *_of_holders(account),
        *_of_things(account, values or variables(FOLDER)),
        *_of_users(account),
        *_of_networks(account),
        *_of_credits(account),
        *_of_identities(account),
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


def _of_things(account: Account, values: Values) -> Iterator[str]:
    """Everything there is, its owner, and each of its settings, against what there has to be."""
    wanted = expected(account, values)
    persons = {("USER", name) for name in _persons(account) - WAREHOUSE_OF.keys()}
    for kind, name in sorted(wanted.keys() - account.things.keys()):
        yield f"{kind.lower()} {name} is missing"
    for (kind, name), thing in account.things.items():
        owner = OWNERS.get(kind, "ACCOUNTADMIN")
        if thing.owner != owner:
            yield f"{kind.lower()} {name} is owned by {thing.owner or 'nobody'}, not by {owner}"
        if (kind, name) in wanted:
            yield from _differences(f"{kind.lower()} {name}", thing, wanted[kind, name])
        elif (kind, name) not in persons:
            yield f"{kind.lower()} {name} is none of the set-up's"


def expected(account: Account, values: Values) -> dict[tuple[str, str], Settings]:
    """Gives everything that the set-up makes, with every setting that it makes.

    Args:
        account: Tells which of the optional files were run.
        values: What they were filled in with.

    Returns:
        By kind and name, all settings but comments.
    """
    by_identity = any(
        "WORKLOAD_IDENTITY" in user.settings for user in account.of_kind("USER").values()
    )
    found: dict[tuple[str, str], Settings] = {
        **{("ROLE", role): {} for role in _there(account, ALLOWED)},
        **{
            ("RESOURCE MONITOR", name): _monitor(name, values) for name in _there(account, TIMEOUTS)
        },
        **{("WAREHOUSE", name): _warehouse(name) for name in _there(account, TIMEOUTS)},
        ("DATABASE", PRODUCTION): {},
        **{("SCHEMA", f"{PRODUCTION}.{name}"): {"MANAGED ACCESS": True} for name in _SCHEMAS},
        ("TABLE", f"{PRODUCTION}.RAW._LEASE"): {"COLUMNS": _LEASE_COLUMNS, "HAS A ROW": True},
        **_networks(values, by_identity),
        **{("AUTHENTICATION POLICY", _policy(user)): _login(user, by_identity) for user in _USERS},
        **{("USER", user): _user(user, values, by_identity) for user in _USERS},
    }
    if DEVELOPER in account.of_kind("ROLE"):
        # Not transient, it would take no clones of dbt's tables; production so, and Snowflake kept
        # nothing to recover it from.
        found["DATABASE", DEVELOPMENT] = {"TRANSIENT": True}
        found["SCHEMA", f"{DEVELOPMENT}.{PUBLIC}"] = {"MANAGED ACCESS": True}
    if account.of_kind("INTEGRATION") or account.of_kind("STAGE"):
        found |= _staging(values)
    return found


_USERS = tuple(WAREHOUSE_OF)
_SCHEMAS = (*SCHEMAS, PUBLIC)


def _monitor(name: str, values: Values) -> Settings:
    credits = values[f"{name.removeprefix('MOVIELENS_').lower()}_credits"]
    return {**_MONITOR, "CREDIT_QUOTA": int(credits)}


def _warehouse(name: str) -> Settings:
    return {
        "WAREHOUSE_SIZE": "XSMALL",
        "AUTO_SUSPEND": 60,
        "AUTO_RESUME": True,
        "INITIALLY_SUSPENDED": True,
        "RESOURCE_MONITOR": name,
        **_timeouts(name),
    }


def _networks(values: Values, by_identity: bool) -> dict[tuple[str, str], Settings]:
    found: dict[tuple[str, str], Settings] = {}
    for name in sorted({*WAREHOUSE_OF.values()}):
        short = name.removeprefix("MOVIELENS_")
        rule = f"{PRODUCTION}.ACCESS.{short}"
        addresses = re.findall(r"'([^']*)'", values[f"{short.lower()}_addresses"])
        found["NETWORK RULE", rule] = {
            "TYPE": "IPV4",
            "VALUE_LIST": tuple(addresses),
            "MODE": "INGRESS",
        }
        by_github = by_identity and short == "PIPELINE"
        found["NETWORK POLICY", name] = {
            "ALLOWED_NETWORK_RULE_LIST": (GITHUB_RULE if by_github else rule,),
            "ALLOWED_IP_LIST": (),
        }
    return found


def _policy(user: str) -> str:
    return f"{PRODUCTION}.ACCESS.{user.removeprefix('MOVIELENS_')}"


def _has_identity(user: str, by_identity: bool) -> bool:
    return by_identity and user != DASHBOARD


def _login(user: str, by_identity: bool) -> Settings:
    if not _has_identity(user, by_identity):
        return {
            "AUTHENTICATION_METHODS": ("KEYPAIR",),
            "CLIENT_TYPES": ("DRIVERS",),
            "MFA_ENROLLMENT": "OPTIONAL",
        }
    return {
        "AUTHENTICATION_METHODS": ("WORKLOAD_IDENTITY",),
        "CLIENT_TYPES": ("DRIVERS",),
        "MFA_ENROLLMENT": "OPTIONAL",
        "WORKLOAD_IDENTITY_POLICY": {
            "ALLOWED_PROVIDERS": ("OIDC",),
            "ALLOWED_OIDC_ISSUERS": (GITHUB_ISSUER,),
        },
    }


def _user(user: str, values: Values, by_identity: bool) -> Settings:
    warehouse = WAREHOUSE_OF[user]
    short = user.removeprefix("MOVIELENS_").lower()
    subject = f"repo:{values['github_repository']}:environment:{values['github_environment']}"
    identity = {
        "TYPE": "OIDC",
        "ISSUER": GITHUB_ISSUER,
        "SUBJECT": subject,
        "OIDC_AUDIENCE_LIST": (f"movielens-{short}",),
    }
    login: Settings = (
        {"WORKLOAD_IDENTITY": identity}
        if _has_identity(user, by_identity)
        else {"RSA_PUBLIC_KEY": values[f"{short}_public_key"]}
    )
    return {
        **login,
        "TYPE": "SERVICE",
        "DEFAULT_ROLE": user,
        "DEFAULT_SECONDARY_ROLES": (),
        "DEFAULT_WAREHOUSE": warehouse,
        "DEFAULT_NAMESPACE": f"{PRODUCTION}.{NAMESPACE_OF[user]}",
        "NETWORK_POLICY": warehouse,
        "AUTHENTICATION POLICY": _policy(user),
        "PREVENT_UNLOAD_TO_INLINE_URL": True,
        "PREVENT_UNLOAD_TO_INTERNAL_STAGES": True,
        "TIMEZONE": "UTC",
        "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
        "AUTOCOMMIT": True,
        "LOCK_TIMEOUT": TIMEOUTS[warehouse][1],
        **_timeouts(warehouse),
    }


def _staging(values: Values) -> dict[tuple[str, str], Settings]:
    urls = {
        name: f"s3://{values['staging_bucket']}/{values[f'{name.lower()}_prefix']}/"
        for name in ("STAGING", "LANDING")
    }
    return {
        ("INTEGRATION", "MOVIELENS_STAGING"): {
            "TYPE": "EXTERNAL_STAGE",
            "STORAGE_PROVIDER": "S3",
            "ENABLED": True,
            "STORAGE_AWS_ROLE_ARN": values["staging_role_arn"],
            "STORAGE_ALLOWED_LOCATIONS": tuple(urls.values()),
        },
        **{
            ("STAGE", f"{PRODUCTION}.RAW.{name}"): {
                "URL": url,
                "STORAGE_INTEGRATION": "MOVIELENS_STAGING",
            }
            for name, url in urls.items()
        },
    }


def _of_users(account: Account) -> Iterator[str]:
    users = account.of_kind("USER")
    for name in sorted(users.keys() & WAREHOUSE_OF.keys()):
        yield from _of_any_user(account, name, name)
        ways = [
            way for way in ("RSA_PUBLIC_KEY", "WORKLOAD_IDENTITY") if way in users[name].settings
        ]
        if len(ways) != 1:
            yield f"user {name} has {len(ways)} ways to log in, not one: a key or an identity"
    for name in sorted(_persons(account) - WAREHOUSE_OF.keys()):
        yield from _of_any_user(account, name, DEVELOPER)
        user = users[name].settings
        for setting, right in {"DEFAULT_ROLE": DEVELOPER, "DEFAULT_SECONDARY_ROLES": ()}.items():
            if user.get(setting) != right:
                yield f"user {name}: {setting} is {user.get(setting)!r}, not {right!r}"
        if "PASSWORD" in user:
            yield f"user {name} has a password"


def _of_any_user(account: Account, name: str, role: str) -> Iterator[str]:
    roles = account.has.get(f"USER {name}", set())
    if roles != {role}:
        yield f"user {name} has roles {sorted(roles)}, not {role} alone"
    # With whichever of its roles, at once or one after the other.
    reached = account.rights_of_user(name)
    for right in sorted(reached.keys() - account.rights(role).keys()):
        yield f"user {name} reaches: {right} (through {reached[right]})"


def _of_networks(account: Account) -> Iterator[str]:
    """The networks that rules name, and those that policies name themselves, are narrow."""
    for kind, setting in (("NETWORK RULE", "VALUE_LIST"), ("NETWORK POLICY", "ALLOWED_IP_LIST")):
        for name, thing in account.of_kind(kind).items():
            places = thing.settings.get(setting, ())
            yield from (f"{kind.lower()} {name} {said}" for said in _too_wide(places))


def _too_wide(places: object) -> Iterator[str]:
    networks = []
    for place in places if isinstance(places, tuple) else [places]:
        try:
            networks.append(IPv4Network(str(place)))
        except ValueError as error:
            yield f"has no network: {error}"
    # Neighbours count as one: two halves of everything are everything.
    for network in collapse_addresses(networks):
        if network.prefixlen < WIDEST_NETWORK:
            yield f"is wider than /{WIDEST_NETWORK}: {network}"


def _of_credits(account: Account) -> Iterator[str]:
    for name, monitor in account.of_kind("RESOURCE MONITOR").items():
        quota = monitor.settings.get("CREDIT_QUOTA")
        if not isinstance(quota, int) or not 0 < quota <= MOST_CREDITS:
            yield f"resource monitor {name}: {quota} credits are not 1 to {MOST_CREDITS}"


def _of_identities(account: Account) -> Iterator[str]:
    for name, user in account.of_kind("USER").items():
        identity = user.settings.get("WORKLOAD_IDENTITY", {})
        subject = str(identity.get("SUBJECT", "")) if isinstance(identity, dict) else "*"
        if identity and not re.fullmatch(r"repo:[\w.-]+/[\w.-]+:environment:[\w-]+", subject):
            yield f"user {name}: subject {subject!r} is not one environment of one repository"


def _of_locations(account: Account) -> Iterator[str]:
    for name, integration in account.of_kind("INTEGRATION").items():
        locations = integration.settings.get("STORAGE_ALLOWED_LOCATIONS", ())
        for location in locations if isinstance(locations, tuple) else ():
            if not re.fullmatch(r"s3://[\w-]+(/[\w-]+)+/", str(location)):
                yield f"integration {name} is not limited to one prefix: {location}"
        role = str(integration.settings.get("STORAGE_AWS_ROLE_ARN"))
        if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w-]+", role):
            yield f"integration {name} takes no role of AWS: {role}"


def _timeouts(warehouse: str) -> Settings:
    statement, queue = TIMEOUTS[warehouse]
    return {
        "STATEMENT_TIMEOUT_IN_SECONDS": statement,
        "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": queue,
    }


def _differences(what: str, thing: Thing, wanted: Mapping[str, object]) -> Iterator[str]:
    settings = {name: value for name, value in thing.settings.items() if name != "COMMENT"}
    for name in wanted.keys() | settings.keys():
        if name not in settings:
            yield f"{what}: {name} is not set"
        elif name not in wanted:
            yield f"{what}: {name} is {settings[name]!r}, and was not to be set"
        elif settings[name] != wanted[name]:
            yield f"{what}: {name} is {settings[name]!r}, not {wanted[name]!r}"


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
