"""The command line, with one module for each command or group of commands.

Commands for a running server use its HTTP API. Modules that are slow to load are imported inside
the commands that need them, so that `tocsin --help` is fast.
"""

from tocsin.cli.app import main

__all__ = ["main"]
