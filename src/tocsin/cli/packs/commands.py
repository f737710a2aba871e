"""`tocsin packs`: list, show, test and apply packs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.apply_command import DryRunOption, YesOption
from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption

if TYPE_CHECKING:
    from tocsin.cli.packs.rendering import FilledPack

app = typer.Typer(
    help="Metrics, alerts and their tests for common purposes, with your own names.",
    epilog="Example:  tocsin packs apply logins --set failedLogin=SIGN_IN_FAILED",
    no_args_is_help=True,
)

_Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A pack of the list, or a file with a pack.")
]
_Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PARAMETER=VALUE", help="The value of a parameter; may be repeated."
    ),
]
_Prefix = Annotated[
    str | None,
    typer.Option(
        help="Put this before all keys and names, to apply a pack twice with different values."
    ),
]


@app.command("list", epilog="Example:  tocsin packs list")
def list_() -> None:
    """List all packs."""
    from tocsin.cli.packs.library import built_in_names, find_pack
    from tocsin.cli.tables import new_table, show

    table = new_table("Name", "Contents", "Metrics", "Alerts", "Tests")
    for pack in map(find_pack, built_in_names()):
        counts = (str(pack.count(section)) for section in ("metrics", "alerts", "tests"))
        table.add_row(pack.name, pack.header.summary, *counts)
    show(table)


@app.command("show", epilog="Example:  tocsin packs show logins --set window=10m > logins.yaml")
def show_(name: _Name, set_: _Set = None, prefix: _Prefix = None) -> None:
    """Print the YAML of a pack with the values of its parameters.

    The output is a file for tocsin test and tocsin apply. A comment at its beginning describes the
    parameters.
    """
    typer.echo(_filled(name, set_, prefix).text, nl=False)


@app.command("test", epilog="Example:  tocsin packs test logins --set minAttempts=200")
def run_tests_of_pack(name: _Name, set_: _Set = None, prefix: _Prefix = None) -> None:
    """Run the unit tests of a pack with the values of its parameters, offline."""
    from tocsin.cli.test_command import report, run_tests

    report(*run_tests(_filled(name, set_, prefix).file))


@app.command(epilog="Example:  tocsin packs apply logins --set failedLogin=SIGN_IN_FAILED")
def apply(
    name: _Name,
    set_: _Set = None,
    prefix: _Prefix = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Apply a pack to the server, after a plan: create its definitions, change those that differ.

    The keys of definitions identify them. Mnemonics that the catalog lacks are added to it.
    """
    from tocsin.cli.apply_command import apply_file
    from tocsin.cli.client import Client
    from tocsin.cli.packs.catalog_check import check_catalog

    filled = _filled(name, set_, prefix)
    with Client(url, key) as client:
        for note in check_catalog(filled, client):
            typer.echo(note, err=True)
        apply_file(filled.file, client, yes=yes, dry_run=dry_run)
    typer.echo("Record interactions such as:")
    for example in filled.example_lines:
        typer.echo(f"  {example}")


def _filled(name: str, assignments: list[str] | None, prefix: str | None) -> FilledPack:
    from tocsin.cli.packs.library import find_pack
    from tocsin.cli.packs.parameters import checked_prefix, read_assignments, values_of
    from tocsin.cli.packs.rendering import FilledPack

    given = read_assignments(assignments or ())
    pack = find_pack(name)
    return FilledPack(pack, values_of(pack, given), checked_prefix(prefix))
