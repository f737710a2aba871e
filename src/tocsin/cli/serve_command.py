"""`tocsin serve`: run the server in the foreground, until it is told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "Example:  tocsin serve --host 0.0.0.0 --data-dir /var/lib/tocsin"


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="The address to listen on. [env var: TOCSIN_HOST] [default: 127.0.0.1]"),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port. [env var: TOCSIN_PORT] [default: 8420]")
    ] = None,
    data_dir: Annotated[
        # Not a Path, which would turn an empty text into the current folder.
        str | None,
        typer.Option(
            metavar="PATH",
            help="Where everything is kept. [env var: TOCSIN_DATA_DIR] [default: ./tocsin-data]",
        ),
    ] = None,
    accept_new_store: Annotated[
        bool,
        typer.Option(
            "--accept-new-store",
            help="Go on with a store.sqlite that is new, or another folder's, beside engine/.",
        ),
    ] = False,
    accept_new_engine: Annotated[
        bool,
        typer.Option(
            "--accept-new-engine",
            help="Go on with an engine/ that is new, or another folder's, beside store.sqlite.",
        ),
    ] = False,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss",
            help="Report no longer the damaged parts and missing interactions of this moment.",
        ),
    ] = False,
) -> None:
    """Run the server.

    The first start prints an admin key, unless TOCSIN_ADMIN_KEY sets one; where standard output is
    no terminal, it writes the key to the file admin-key in the data folder.
    """
    # Loading the engine takes a second, which no other command should pay.
    from tocsin.config import Settings

    settings = Settings.load(
        host=host,
        port=port,
        data_dir=data_dir,
        accept_new_store=accept_new_store or None,
        accept_new_engine=accept_new_engine or None,
        accept_loss=accept_loss or None,
    )

    from tocsin.server import run

    run(settings)
