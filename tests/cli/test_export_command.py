"""`tocsin export` against a real server, and `tocsin import` of its files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest
import zstandard

from support.running import Run
from support.serving import Server
from tocsin.cli.client import Client, Unreachable
from tocsin.cli.ndjson import batches

NAMED = {"resourceType": "CARGO", "resourceId": "1", "action": "PACKED", "origin": "WEB"}


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


@pytest.fixture(scope="module", autouse=True)
def recorded(server: Any) -> None:
    cargo = [
        {**NAMED, "resourceId": str(n), "timestamp": f"2020-01-01T00:{n % 60:02d}:00Z"}
        for n in range(6_000)
    ]
    with server.client() as client:
        assert client.post("/api/interactions/batch", json=cargo).status_code == 201


@pytest.mark.parametrize(
    ("suffix", "unpack"),
    [(".ndjson", bytes), (".gz", gzip.decompress), (".zst", zstandard.ZstdDecompressor)],
)
def test_the_suffix_of_a_file_decides_its_compression(
    at_server: Run, tmp_path: Path, suffix: str, unpack: type[bytes]
) -> None:
    path = tmp_path / f"export{suffix}"
    done = at_server("export", "--output", path, "--resource-type", "cargo")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("6,000 interactions exported in ")
    raw = path.read_bytes()
    content = (
        zstandard.ZstdDecompressor().decompressobj().decompress(raw)
        if suffix == ".zst"
        else unpack(raw)
    )
    exported = [json.loads(line) for line in content.splitlines()]
    stamps = [(each["timestamp"], each["interactionNumber"]) for each in exported]
    assert len(stamps) == 6_000
    assert stamps == sorted(stamps)
    assert list(tmp_path.iterdir()) == [path]


def test_an_export_is_imported_and_a_repeat_records_nothing(at_server: Run, tmp_path: Path) -> None:
    path = tmp_path / "export.zst"
    options = ("--resource-type", "cargo", "--to", "2020-01-01T00:10:00Z")
    assert at_server("export", "-o", path, *options).returncode == 0
    again = at_server("import", path)
    assert again.returncode == 0
    assert again.stdout.startswith("0 accepted, 1,000 duplicates, 0 rejected in ")
    assert "is an export" in again.stderr
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    renamed = tmp_path / "renamed.ndjson"
    with renamed.open("w") as file:
        for line in lines.splitlines():
            file.write(json.dumps({**json.loads(line), "interactionId": str(uuid4())}) + "\n")
    done = at_server("import", renamed)
    assert done.stdout.startswith("1,000 accepted, 0 duplicates, 0 rejected in ")


def test_without_a_file_the_export_is_written_to_standard_output(at_server: Run) -> None:
    done = at_server("export", "--resource-id", "17", "--from", "2020-01-01T00:00:00Z")
    assert [json.loads(line)["resourceId"] for line in done.stdout.splitlines()] == ["17"]
    assert done.stderr.startswith("1 interactions exported in ")


def test_an_invalid_filter_is_reported_and_leaves_no_file(at_server: Run, tmp_path: Path) -> None:
    done = at_server("export", "-o", tmp_path / "export", "--action", "NO_SUCH")
    assert done.returncode == 1
    assert "action: is the mnemonic of no action in the catalog" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_importing_an_export_needs_an_admin_key(at_server: Run, tmp_path: Path) -> None:
    path = tmp_path / "export"
    assert at_server("export", "-o", path, "--resource-id", "17").returncode == 0
    key = at_server("keys", "create", "--name", "sender", "--role", "ingest").stdout.strip()
    refused = at_server("import", path, "--key", key)
    assert refused.returncode == 1
    assert "role admin" in refused.stderr


def test_exported_treats_every_file_as_an_export(at_server: Run, tmp_path: Path) -> None:
    path = tmp_path / "mixed"
    here = at_server("export", "--resource-id", "18").stdout
    path.write_text(json.dumps({**NAMED, "resourceId": "first"}) + "\n" + here)
    done = at_server("import", path)
    assert done.stdout.startswith("1 accepted, 0 duplicates, 1 rejected")
    assert "?import=true" in done.stderr
    done = at_server("import", "--exported", path)
    assert done.stdout.startswith("0 accepted, 2 duplicates, 0 rejected")


@pytest.mark.parametrize(
    ("first", "is_export"),
    [
        (b'{"resourceId":"1","interactionNumber":5}', True),
        (b'{"interactionNumber":null}', True),
        (b'{"interaction":{"interactionNumber":5}}', False),
        (b"nonsense", False),
        (b"[1]", False),
    ],
)
def test_the_first_line_decides_whether_a_file_is_an_export(first: bytes, is_export: bool) -> None:
    lines = b"\n" + first + b'\n{"interactionNumber":7}\n'
    assert [batch.is_export for batch in batches("f", [lines])] == [is_export]


def test_an_interrupted_response_is_an_error() -> None:
    def cut(_: httpx.Request) -> httpx.Response:
        packed = zstandard.compress(b"x" * 100_000)[:-4]
        return httpx.Response(200, content=packed, headers={"content-encoding": "zstd"})

    with (
        Client("http://tocsin.test", "key", httpx.MockTransport(cut)) as client,
        pytest.raises(Unreachable),
        client.stream("/x") as pieces,
    ):
        list(pieces)
