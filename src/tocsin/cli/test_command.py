"""`tocsin test`: run the unit tests of metrics and alerts, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tocsin.cli.definition_files import DefinitionFile
    from tocsin.cli.test_files import UnitTest

EXAMPLE = "Example:  tocsin test alerts.yaml"


def test(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE.yaml...", help="Files of definitions and tests.")
    ],
) -> None:
    """Run unit tests of metrics and alerts, offline.

    A file has the sections of tocsin apply, and tests:. Each test lists interactions with their
    times, and the expected values of metrics, transitions of alerts and messages to channels.
    Exits with 1 if a test fails.
    """
    from tocsin.cli.definition_files import read_definition_file

    failed = total = 0
    for file in files:
        of_file, failed_of_file = run_tests(read_definition_file(file))
        total += of_file
        failed += failed_of_file
    report(total, failed)


def run_tests(file: DefinitionFile) -> tuple[int, int]:
    """Run the tests of a file and print their outcomes; answers how many there are, and how many
    of them failed."""
    from tocsin.cli.test_files import read_tests

    tests = read_tests(file.content, file.name)
    outcomes = [_passes(unit_test, file) for unit_test in tests]
    return len(outcomes), outcomes.count(False)


def report(total: int, failed: int) -> None:
    """Print the numbers of tests; exits with 1 if one failed."""
    typer.echo(f"{total} tests, {failed} failed." if failed else f"{total} tests, all passed.")
    if failed:
        raise typer.Exit(1)


def _passes(unit_test: UnitTest, file: DefinitionFile) -> bool:
    from tocsin.cli.test_runner import bench

    with bench(unit_test) as opened:
        opened.define(file)
        opened.record(unit_test.interactions)
        failures = [opened.failure(expected) for expected in unit_test.expect]
    lines = [line for failure in failures for line in failure]
    typer.echo(f"{'FAIL' if lines else 'ok  '}  {unit_test.name}")
    for line in lines:
        typer.echo(f"      {line}")
    return not lines
