"""The options that every command with a server at the other end takes."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_URL = "http://127.0.0.1:8420"

Url = Annotated[str, typer.Option(envvar="TOCSIN_URL", help="Where the server listens.")]
Key = Annotated[
    str | None,
    typer.Option(
        envvar=["TOCSIN_API_KEY", "TOCSIN_ADMIN_KEY"], help="The API key to present.", metavar="KEY"
    ),
]
