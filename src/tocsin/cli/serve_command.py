"""`tocsin serve`: run the server in the foreground until a signal stops it."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

EXAMPLE = "Example:  tocsin serve --host 0.0.0.0 --data-dir /var/lib/tocsin"


_Host = Annotated[
    str | None,
    typer.Option(help="The address to listen on. [env var: TOCSIN_HOST] [default: 127.0.0.1]"),
]
_Port = Annotated[int | None, typer.Option(help="The port. [env var: TOCSIN_PORT] [default: 8420]")]
_DataDir = Annotated[
    # Not a Path, which would read an empty text as the current folder.
    str | None,
    typer.Option(
        metavar="PATH",
        help="The data folder. [env var: TOCSIN_DATA_DIR] [default: ./tocsin-data]",
    ),
]
_AcceptNewStore = Annotated[
    bool,
    typer.Option(
        "--accept-new-store",
        help="Start with a store.sqlite that is new, or from another folder than engine/.",
    ),
]
_AcceptNewEngine = Annotated[
    bool,
    typer.Option(
        "--accept-new-engine",
        help="Start with an engine/ that is new, or from another folder than store.sqlite.",
    ),
]
_AcceptLoss = Annotated[
    bool,
    typer.Option(
        "--accept-loss",
        help="Stop reporting the damaged parts and missing interactions found so far.",
    ),
]


def serve(
    host: _Host = None,
    port: _Port = None,
    data_dir: _DataDir = None,
    accept_new_store: _AcceptNewStore = False,
    accept_new_engine: _AcceptNewEngine = False,
    accept_loss: _AcceptLoss = False,
) -> None:
    """Run the server.

    The first start prints an admin key unless TOCSIN_ADMIN_KEY sets one. If standard output is not
    a terminal, it writes the key to the file admin-key in the data folder instead.
    """
    # The modules to load are many objects and no garbage: collections take 0.15 s of the start.
    # `run` enables them again.
    gc.disable()
    # Imported here, because loading the engine takes a second.
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
