"""The options of every command that sends requests to a server."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_URL = "http://127.0.0.1:8420"

UrlOption = Annotated[str, typer.Option(envvar="TOCSIN_URL", help="The address of the server.")]
KeyOption = Annotated[
    str | None,
    typer.Option(envvar=["TOCSIN_API_KEY", "TOCSIN_ADMIN_KEY"], help="The API key.", metavar="KEY"),
]
