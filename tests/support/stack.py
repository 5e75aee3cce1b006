"""The landing zone's stack of infra/aws, filled in with parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cfnlint.decode import decode_str

TEMPLATE = Path(__file__).resolve().parents[2] / "infra" / "aws" / "landing-zone.yaml"
REGION = "eu-central-1"
BUCKET = "a-landing-zone"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
PARAMETERS = {
    "BucketName": BUCKET,
    "Prefix": "movielens",
    "GitHubRepository": "anna/films",
    "GitHubEnvironment": "production",
    "GitHubProviderArn": PROVIDER,
    "SnowflakeUserArn": "arn:aws:iam::210987654321:user/abc",
    "SnowflakeExternalId": "ABC_SFCRole=1",
}


def decoded(text: str) -> dict[str, Any]:
    """Reads a template, as CloudFormation would."""
    template, problems = decode_str(text)
    assert problems == []
    return dict(template)


def filled_in(value: Any) -> Any:
    """Puts the parameters into a part of the template; every condition holds."""
    if isinstance(value, list):
        return [filled_in(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        text = value["Fn::Sub"].replace("${AWS::Partition}", "aws")
        for name, parameter in PARAMETERS.items():
            text = text.replace(f"${{{name}}}", parameter)
        return text
    if "Fn::If" in value:
        return filled_in(value["Fn::If"][1])
    return {name: filled_in(each) for name, each in value.items()}


def statements_of(role: str) -> list[dict[str, Any]]:
    """Gives what a role of the stack may do.

    Args:
        role: Its name in the template, such as `RunnerRole`.

    Returns:
        The statements of all its policies.
    """
    policies = decoded(TEMPLATE.read_text())["Resources"][role]["Properties"]["Policies"]
    return [
        statement
        for policy in filled_in(policies)
        for statement in policy["PolicyDocument"]["Statement"]
    ]
