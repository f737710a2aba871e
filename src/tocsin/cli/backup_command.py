"""`tocsin backup` and `tocsin restore`: copy a data folder while it is used, and back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from tocsin.cli.options import DEFAULT_URL, KeyOption, UrlOption
from tocsin.cli.routes import BACKUP

if TYPE_CHECKING:
    from tocsin.cli.progress import TransferProgress
    from tocsin.storage.backup_manifest import Manifest

EXAMPLE = "Example:  tocsin backup /backups/2026-11-29"
RESTORE_EXAMPLE = "Example:  tocsin restore /backups/2026-11-29 --data-dir /var/lib/tocsin"
CREATE = "create"


class BackupGroup(TyperGroup):
    """`tocsin backup TO` means `tocsin backup create TO`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [CREATE, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=BackupGroup,
    no_args_is_help=True,
    help="Copy a data folder while it is used; verify the copy.",
    epilog=EXAMPLE,
)

_Backup = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the backup.")]


@app.command(CREATE, epilog=EXAMPLE)
def create(
    to: Annotated[Path, typer.Argument(metavar="TO", help="A folder that does not exist yet.")],
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Copy this data folder, which no server uses.", show_default=False),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
) -> None:
    """Copy the data folder of a running server into the folder TO; recording goes on.

    The copy has everything that was recorded when it began, and the secrets of channels.
    """
    from tocsin.storage.backup_archive import unpack

    began = time.monotonic()
    with ExitStack() as stack:
        pieces = _pieces_of(data_dir, stack) if data_dir else _pieces_from(url, key, stack)
        manifest = unpack(stack.enter_context(_counted(pieces)), to)
    _report(f"Backed up to {to}", manifest, began)


@app.command(epilog="Example:  tocsin backup verify /backups/2026-11-29")
def verify(
    backup: _Backup,
    work: Annotated[
        Path | None,
        typer.Option(help="The folder for the temporary copy.", show_default="the system's"),
    ] = None,
) -> None:
    """Restore a backup into a temporary folder, and compare counts, sums and hashes."""
    from tocsin.storage.restoring import verify

    began = time.monotonic()
    with _progress(backup) as count:
        manifest = verify(backup, work, count)
    _report(f"{backup} is complete", manifest, began)


def restore(
    backup: _Backup,
    data_dir: Annotated[
        Path,
        typer.Option(help="An empty folder, or one that does not exist.", show_default=False),
    ],
    erasures: Annotated[
        Path | None,
        typer.Option(
            help="The ledger of erasures: erasures.json of the former data folder, or the answer "
            "of GET /api/erasures/ledger. Erasures since the backup are applied again.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Restore a backup into an empty data folder.

    Deliveries that were waiting when the backup was made are not sent; each can be retried.
    """
    from tocsin.storage.restoring import restore

    began = time.monotonic()
    with _progress(backup) as count:
        manifest = restore(backup, data_dir, count, erasures)
    _report(f"Restored to {data_dir}", manifest, began)


def _pieces_from(url: str, key: str | None, stack: ExitStack) -> Iterator[bytes]:
    from tocsin.cli.client import Client

    return stack.enter_context(stack.enter_context(Client(url, key)).stream(BACKUP))


def _pieces_of(data_dir: Path, stack: ExitStack) -> Iterator[bytes]:
    from tocsin.config import Settings
    from tocsin.storage.offline_backup import offline_backup

    settings = Settings.load(data_dir=data_dir)
    return stack.enter_context(offline_backup(settings)).archive()


@contextmanager
def _counted(pieces: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """The pieces, whose bytes are shown."""
    from tocsin.cli.progress import TransferProgress

    with TransferProgress(None, counts_interactions=False) as progress:
        yield _shown(pieces, progress)


def _shown(pieces: Iterator[bytes], progress: TransferProgress) -> Iterator[bytes]:
    position = 0
    for piece in pieces:
        position += len(piece)
        progress.read("backup", position)
        yield piece


@contextmanager
def _progress(backup: Path) -> Iterator[Callable[[int], None]]:
    """A function that is called with the bytes of each file."""
    from tocsin.cli.progress import TransferProgress
    from tocsin.storage.backup_manifest import read_manifest

    with TransferProgress(read_manifest(backup).bytes, counts_interactions=False) as progress:
        yield partial(progress.advance, backup.name)


def _report(done: str, manifest: Manifest, began: float) -> None:
    typer.echo(
        f"{done}: {manifest.interactions:,} interactions, {manifest.bytes / 1e6:,.1f} MB, "
        f"in {time.monotonic() - began:.1f} s"
    )
