"""The commands by their names, and the message when one fails."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from tocsin import __version__
from tocsin.cli import (
    alerts,
    apply_command,
    audit_command,
    backup_command,
    channels,
    deliveries,
    doctor_command,
    erase_command,
    export_command,
    import_command,
    keys,
    metrics,
    migrate_command,
    serve_command,
    test_command,
)
from tocsin.cli.demo import command
from tocsin.cli.packs import commands as packs
from tocsin.errors import TocsinError

app = typer.Typer(
    name="tocsin",
    help="Self-hosted interaction metrics: one process, exact numbers.",
    epilog="Example:  tocsin demo",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve", epilog=serve_command.EXAMPLE)(serve_command.serve)
app.command("migrate", epilog=migrate_command.EXAMPLE)(migrate_command.migrate)
app.command("doctor", epilog=doctor_command.EXAMPLE)(doctor_command.doctor)
app.command("demo", epilog=command.EXAMPLE)(command.demo)
app.command("import", epilog=import_command.EXAMPLE)(import_command.import_)
app.add_typer(export_command.app, name="export")
app.command("test", epilog=test_command.EXAMPLE)(test_command.test)
app.command("apply", epilog=apply_command.EXAMPLE)(apply_command.apply)
app.add_typer(backup_command.app, name="backup")
app.command("restore", epilog=backup_command.RESTORE_EXAMPLE)(backup_command.restore)
app.add_typer(metrics.app, name="metrics")
app.add_typer(alerts.app, name="alerts")
app.add_typer(packs.app, name="packs")
app.add_typer(keys.app, name="keys")
app.add_typer(erase_command.app, name="erase")
app.command("audit", epilog=audit_command.EXAMPLE)(audit_command.audit)
app.add_typer(channels.app, name="channels")
app.add_typer(deliveries.app, name="deliveries")


def _show_version(is_given: bool) -> None:
    if is_given:
        typer.echo(f"tocsin {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """The options of `tocsin` itself; its help text is that of the application above."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 on success, 1 with a message on an error."""
    try:
        app(args=arguments, prog_name="tocsin")
    except TocsinError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _fail(message: str) -> None:
    print(f"tocsin: {message}", file=sys.stderr)
    sys.exit(1)
