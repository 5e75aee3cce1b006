"""The commands of `movielens`, each by its full name."""

from __future__ import annotations

import click


def leaves(group: click.Group, path: str = "") -> list[tuple[str, click.Command]]:
    """Lists the commands that do something, with those of groups.

    Args:
        group: The program, or a group of it.
        path: What is typed before their names.

    Returns:
        Name, such as `env list`, and command.
    """
    context = click.Context(group)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found += leaves(command, f"{path}{name} ")
        else:
            found.append((path + name, command))
    return found
