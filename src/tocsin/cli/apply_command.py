"""`tocsin apply`: bring the definitions of a server in line with a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption

if TYPE_CHECKING:
    from tocsin.cli.client import Client
    from tocsin.cli.definition_files import DefinitionFile

EXAMPLE = "Example:  tocsin apply shop.yaml --dry-run"
CHANGES = 2
"""The exit code of a dry run whose plan has changes."""

FileArgument = Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The file of definitions.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", "--plan", help="Show the plan and change nothing; exits with 2 for changes."
    ),
]
PruneOption = Annotated[
    bool,
    typer.Option("--prune", help="Delete what this set: created and the file no longer has."),
]


def apply(
    file: FileArgument,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    prune: PruneOption = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Apply a file of definitions: create new ones, replace those that differ.

    The file has sections: resourceTypes, actions, origins, channels, metrics, alerts, subscriptions
    and silences, each a list in the format of the API. A key identifies a definition, so that it
    can be renamed; without keys the name does. Metrics, alerts and channels are referred to by key
    or name. Secrets of channels are env:NAME, which is read from the environment. The whole file is
    validated before anything is written.
    """
    apply_path(file, url, key, yes=yes, dry_run=dry_run, prune=prune)


def apply_path(
    path: Path,
    url: str,
    key: str | None,
    *,
    yes: bool,
    dry_run: bool,
    prune: bool = False,
    only: str | None = None,
) -> None:
    """Apply a file, or `only` one of its sections."""
    from tocsin.cli.client import Client
    from tocsin.cli.definition_files import read_definition_file

    file = read_definition_file(path)
    with Client(url, key) as client:
        apply_file(file, client, yes=yes, dry_run=dry_run, prune=prune, only=only)


def apply_file(
    file: DefinitionFile,
    client: Client,
    *,
    yes: bool,
    dry_run: bool,
    prune: bool = False,
    only: str | None = None,
) -> None:
    """Validate a file, show its plan, and write it after confirmation. Raises InvalidDefinitions;
    a dry run with changes exits with 2."""
    from tocsin.cli.definition_writing import write
    from tocsin.cli.plan import make_plan, show_plan

    plan = make_plan(file, client, only=only, prune=prune)
    show_plan(plan, with_kinds=only is None)
    changes = plan.changes
    if dry_run and changes:
        raise typer.Exit(CHANGES)
    if not changes:
        return
    if not yes:
        typer.confirm("Apply these changes?", abort=True)
    write(changes, client)
    deleted = sum(step.verb == "delete" for step in changes)
    done = f"{len(changes) - deleted} written"
    typer.echo(f"{done}, {deleted} deleted." if deleted else f"{done}.")
