"""The landing zone's stack: created on the local AWS, read back, and open to nobody else.

moto's CloudFormation makes the bucket and the roles. What it passes over (the bucket's policy and
four of its settings) is made with the same properties by S3's own calls.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
import pytest
from cfnlint.api import lint
from moto import mock_aws

from tests.support.stack import BUCKET, PARAMETERS, PROVIDER, REGION, TEMPLATE, decoded, filled_in

ROLES = ("movielens-runner", "movielens-snowflake")


@pytest.fixture(autouse=True)
def _local_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    with mock_aws(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Tried to parse AWS::S3::BucketPolicy")
        yield


class Made(NamedTuple):
    """The resources of the stack, as AWS reports them."""

    template: dict[str, Any]
    outputs: dict[str, str]
    trust: dict[str, Any]
    may: dict[str, Any]
    bucket: dict[str, Any]


def _make(text: str) -> Made:
    stacks = boto3.client("cloudformation", region_name=REGION)
    parameters = [{"ParameterKey": key, "ParameterValue": PARAMETERS[key]} for key in PARAMETERS]
    stacks.create_stack(StackName="landing-zone", TemplateBody=text, Parameters=parameters)
    iam = boto3.client("iam")
    outputs = stacks.describe_stacks(StackName="landing-zone")["Stacks"][0]["Outputs"]
    template = decoded(text)
    return Made(
        template,
        {each["OutputKey"]: each["OutputValue"] for each in outputs},
        {role: iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"] for role in ROLES},
        {role: _policies(iam, role) for role in ROLES},
        _bucket(template["Resources"]),
    )


def _policies(iam: Any, role: str) -> list[Any]:
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names
    ]
    # moto gives a stack's policy back as the text of a Python dict.
    read = [each if isinstance(each, dict) else ast.literal_eval(each) for each in documents]
    return [*attached, *(statement for each in read for statement in each["Statement"])]


def _bucket(resources: dict[str, Any]) -> dict[str, Any]:
    s3 = boto3.client("s3", region_name=REGION)
    settings = resources["Bucket"]["Properties"]
    for name, put in {
        "VersioningConfiguration": s3.put_bucket_versioning,
        "PublicAccessBlockConfiguration": s3.put_public_access_block,
        "OwnershipControls": s3.put_bucket_ownership_controls,
    }.items():
        if name in settings:
            put(Bucket=BUCKET, **{name: settings[name]})
    policy = filled_in(resources["BucketPolicy"]["Properties"]["PolicyDocument"])
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    return {
        "versioning": s3.get_bucket_versioning(Bucket=BUCKET).get("Status"),
        "encryption": _rule(s3.get_bucket_encryption, "ServerSideEncryptionConfiguration"),
        "public": _settings(s3.get_public_access_block, "PublicAccessBlockConfiguration"),
        "ownership": _rule(s3.get_bucket_ownership_controls, "OwnershipControls"),
        "denied": json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"],
    }


def _settings(get: Any, name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = get(Bucket=BUCKET)[name]
    except Exception as error:
        return {"error": str(error)}
    return found


def _rule(get: Any, name: str) -> dict[str, Any]:
    found = _settings(get, name)
    return dict(found["Rules"][0]) if "Rules" in found else found


def _wrong(made: Made) -> list[str]:
    return [
        *_wrong_of_roles(made),
        *_wrong_of_bucket(made.bucket),
        *_wrong_when_deleted(made),
        *_wrong_of_settings(made.template),
    ]


def _on_prefix(what: str, does: str, actions: list[str], prefix: str) -> list[dict[str, Any]]:
    return [
        {
            "Sid": f"{does}{what}",
            "Effect": "Allow",
            "Action": actions,
            "Resource": f"arn:aws:s3:::{BUCKET}/{prefix}/*",
        },
        {
            "Sid": f"List{what}",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{BUCKET}",
            "Condition": {"StringLike": {"s3:prefix": f"{prefix}/*"}},
        },
    ]


_FIND = {
    "Sid": "FindBucket",
    "Effect": "Allow",
    "Action": "s3:GetBucketLocation",
    "Resource": f"arn:aws:s3:::{BUCKET}",
}


def _wrong_of_roles(made: Made) -> Iterator[str]:
    read = ["s3:GetObject", "s3:GetObjectVersion"]
    write = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    may = {
        "movielens-runner": [
            *_on_prefix("Files", "Read", read, "movielens"),
            *_on_prefix("Rows", "Write", write, "movielens-staging"),
            _FIND,
        ],
        "movielens-snowflake": [
            *_on_prefix("Files", "Read", read, "movielens"),
            *_on_prefix("Rows", "Read", read, "movielens-staging"),
            _FIND,
        ],
    }
    for role in ROLES:
        if made.may[role] != may[role]:
            yield f"{role} may do more, or less, than its prefixes: {made.may[role]}"
    trusted = {
        "movielens-runner": {
            "Principal": {"Federated": PROVIDER},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                    "token.actions.githubusercontent.com:sub": (
                        "repo:anna/films:environment:production"
                    ),
                }
            },
        },
        "movielens-snowflake": {
            "Principal": {"AWS": PARAMETERS["SnowflakeUserArn"]},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": PARAMETERS["SnowflakeExternalId"]}},
        },
    }
    for role, trust in trusted.items():
        if made.trust[role]["Statement"] != [{"Effect": "Allow", **trust}]:
            yield f"{role} trusts somebody else: {made.trust[role]['Statement']}"


def _wrong_of_bucket(bucket: dict[str, Any]) -> Iterator[str]:
    denied = [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    ]
    everything = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    }
    statements = [{k: v for k, v in each.items() if k != "Sid"} for each in bucket["denied"]]
    if statements != [{**everything, "Condition": condition} for condition in denied]:
        yield f"the bucket's policy is not TLS only: {statements}"
    if bucket["versioning"] != "Enabled":
        yield "replaced files are not kept"
    if bucket["encryption"].get("ApplyServerSideEncryptionByDefault") != {"SSEAlgorithm": "AES256"}:
        yield f"files are not encrypted: {bucket['encryption']}"
    if set(bucket["public"].values()) != {True} or len(bucket["public"]) != 4:
        yield f"public access is not blocked: {bucket['public']}"
    if bucket["ownership"] != {"ObjectOwnership": "BucketOwnerEnforced"}:
        yield f"an upload may belong to who uploaded it: {bucket['ownership']}"


def _wrong_when_deleted(made: Made) -> Iterator[str]:
    for name in ("Bucket", "BucketPolicy"):
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if made.template["Resources"][name].get(policy) != "Retain":
                yield f"{name} is lost with the stack: {policy}"


# What expires, and when; else everything stays.
_EXPIRES = [
    {"Id": "replaced-files", "NoncurrentVersionExpiration": {"NoncurrentDays": 90}},
    {
        "Id": "rows-that-went-to-snowflake",
        "Prefix": "movielens-staging/",
        "ExpirationInDays": 1,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    },
    {"Id": "broken-uploads", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
]
# What each parameter must not be: it would let in others, or reach beyond one prefix.
_NOBODY_GIVES = {
    "BucketName": ["", "*", "a/b", "a.b"],
    "Prefix": ["", "*", "/", "a/", "/a", "a/*"],
    "GitHubRepository": ["", "*", "anna/*", "anna", "anna/films:*"],
    "GitHubEnvironment": ["", "*", "a:b"],
    "GitHubProviderArn": ["*", "arn:aws:iam::123456789012:oidc-provider/evil.example"],
    "SnowflakeUserArn": ["*", "arn:aws:iam::123456789012:root"],
}


def _wrong_of_settings(template: dict[str, Any]) -> Iterator[str]:
    resources = template["Resources"]
    rules = filled_in(resources["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"])
    if rules != [{**rule, "Status": "Enabled"} for rule in _EXPIRES]:
        yield f"files expire otherwise: {rules}"
    longest = resources["RunnerRole"]["Properties"]["MaxSessionDuration"]
    production = TEMPLATE.parents[2] / ".github" / "workflows" / "production.yml"
    if f"role-duration-seconds: {longest}\n" not in production.read_text():
        yield f"the run does not ask for sessions of {longest} seconds"
    for name, values in _NOBODY_GIVES.items():
        pattern = template["Parameters"][name].get("AllowedPattern", ".*")
        for value in values:
            if re.fullmatch(pattern, value):
                yield f"{name} may be {value!r}"
    if "Rules" not in template:
        yield "Snowflake's role may be made without an external id"


def test_the_stack_is_made_and_nothing_is_wrong_with_it() -> None:
    made = _make(TEMPLATE.read_text())
    assert _wrong(made) == []
    assert made.outputs == {
        "Source": f"s3://{BUCKET}/movielens",
        "Stage": f"s3://{BUCKET}/movielens-staging",
        "RunnerRoleArn": "arn:aws:iam::123456789012:role/movielens-runner",
        "SnowflakeRoleArn": "arn:aws:iam::123456789012:role/movielens-snowflake",
    }


BAD = {
    "without TLS": ('aws:SecureTransport: "false"', 'aws:SecureTransport: "true"', "TLS only"),
    "old TLS": ('s3:TlsVersion: "1.2"', 's3:TlsVersion: "1.0"', "TLS only"),
    "public": ("BlockPublicPolicy: true", "BlockPublicPolicy: false", "public access"),
    "half public": ("        RestrictPublicBuckets: true\n", "", "public access"),
    "no versions": (
        "Status: Enabled\n      Lifecycle",
        "Status: Suspended\n      Lifecycle",
        "kept",
    ),
    "no encryption": ("SSEAlgorithm: AES256", "SSEAlgorithm: none", "not encrypted"),
    "any owner": ("BucketOwnerEnforced", "ObjectWriter", "who uploaded it"),
    "lost": ("DeletionPolicy: Retain", "DeletionPolicy: Delete", "lost with the stack"),
    "writes": (
        "[s3:GetObject, s3:GetObjectVersion]",
        "[s3:GetObject, s3:GetObjectVersion, s3:PutObject]",
        "movielens-runner may do more",
    ),
    "reads it all": (
        "${BucketName}/${Prefix}-staging/*",
        "${BucketName}/*",
        "movielens-snowflake may do",
    ),
    "reads what landed": ("${Prefix}-staging/*", "${Prefix}*/*", "movielens-snowflake may do"),
    "writes what landed": (
        "Resource: !Sub arn:${AWS::Partition}:s3:::${BucketName}/${Prefix}-staging/*",
        "Resource: !Sub arn:${AWS::Partition}:s3:::${BucketName}/${Prefix}/*",
        "movielens-runner may do more",
    ),
    "lists it all": ("s3:prefix: !Sub ${Prefix}/*", 's3:prefix: "*"', "movielens-runner may do"),
    "lists neighbours": ("!Sub ${Prefix}/*", "!Sub ${Prefix}*", "movielens-runner may do"),
    "any branch": (":environment:${GitHubEnvironment}", ":*", "movielens-runner trusts"),
    "any audience": (
        "token.actions.githubusercontent.com:aud: sts.amazonaws.com",
        "token.actions.githubusercontent.com:aud: anybody",
        "movielens-runner trusts",
    ),
    "any customer of Snowflake": (
        "sts:ExternalId: !Ref SnowflakeExternalId",
        'sts:ExternalId: "*"',
        "movielens-snowflake trusts",
    ),
    "files that expire": (
        "Id: replaced-files\n            Status: Enabled\n",
        "Id: replaced-files\n            Status: Enabled\n            ExpirationInDays: 30\n",
        "files expire",
    ),
    "rows that stay": ("ExpirationInDays: 1\n", "ExpirationInDays: 100\n", "files expire"),
    "rows of everything": ("Prefix: !Sub ${Prefix}-staging/", 'Prefix: ""', "files expire"),
    "copies that go at once": ("NoncurrentDays: 90", "NoncurrentDays: 1", "files expire"),
    "long sessions": ("MaxSessionDuration: 7200", "MaxSessionDuration: 43200", "sessions of"),
    "any repository": ('"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+"', '".+"', "GitHubRepository may be"),
    "any environment": ('AllowedPattern: "[A-Za-z0-9_-]+"', 'AllowedPattern: ".+"', "Environment"),
    "any prefix": ('"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*"', '".*"', "Prefix may be"),
    "any provider": (
        ":oidc-provider/token[.]actions[.]githubusercontent[.]com)?",
        ".*)?",
        "Provider",
    ),
    "any user of Snowflake": (":user/.+)?", ":.*)?", "SnowflakeUserArn may be"),
    "no external id": ("Rules:\n  BothOfSnowflake", "Metadata:\n  BothOfSnowflake", "external id"),
    "buckets of everybody": (
        "Sid: FindBucket\n                  Effect: Allow\n"
        "                  Action: s3:GetBucketLocation",
        "Sid: FindBucket\n                  Effect: Allow\n                  Action: s3:ListBucket",
        "movielens-runner may do more",
    ),
    "any account": ("AWS: !Ref SnowflakeUserArn", 'AWS: "*"', "movielens-snowflake trusts"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_a_bad_change_is_named(name: str) -> None:
    old, new, message = BAD[name]
    text = TEMPLATE.read_text()
    assert old in text
    said = _wrong(_make(text.replace(old, new)))
    assert [each for each in said if message in each] != [], said


def _lint(text: str) -> list[str]:
    return [f"{each.rule.id} {each.message}" for each in lint(text, regions=[REGION])]


def test_the_linter_finds_nothing() -> None:
    assert _lint(TEMPLATE.read_text()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("VersioningConfiguration:", "VersioningConfig:"),
        ("BucketOwnerEnforced", "BucketOwnerEnforcd"),
        ("!Ref SnowflakeUserArn\n            Action", "!Ref SnowflakeArn\n            Action"),
        ("s3:GetObjectVersion]", "s3:GetObjectVersions]"),
    ],
)
def test_the_linter_finds_a_slip(old: str, new: str) -> None:
    text = TEMPLATE.read_text()
    assert old in text
    assert _lint(text.replace(old, new)) != []
