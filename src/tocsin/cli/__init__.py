"""The command line: how does a person start Tocsin, fill it and ask it.

A module a command. Those that talk to a running server do it over the HTTP API, as anybody else
would. Modules import what is slow to load inside the command that needs it, so that
`tocsin --help` answers at once.
"""

from tocsin.cli.app import main

__all__ = ["main"]
