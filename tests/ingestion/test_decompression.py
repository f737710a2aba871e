"""The first bytes of a file determine its format; errors name the damage."""

from __future__ import annotations

import gzip
import io
import os

import pytest
import zstandard

from tocsin.ingestion.decompression import Unreadable, decompress_file

TEXT = b'{"a":1}\n' * 50_000


def content(packed: bytes, name: str = "-") -> bytes:
    return b"".join(decompress_file(io.BytesIO(packed), name))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("text", [b"", b"{", TEXT, os.urandom(300_000)])
def test_content_is_unpacked_from_every_format(pack: type[bytes], text: bytes) -> None:
    assert content(pack(text)) == text


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_consecutive_streams_and_padding_after_them_are_read(pack: type[bytes]) -> None:
    assert content(pack(TEXT) + pack(b"more") + b"\0" * 10_000) == TEXT + b"more"


def test_a_zstd_file_may_begin_with_a_frame_without_data() -> None:
    skippable = b"\x50\x2a\x4d\x18" + b"\x04\0\0\0" + b"size"
    assert content((skippable + zstandard.compress(TEXT)) * 2, "x.zst") == TEXT * 2
    with pytest.raises(Unreadable, match="june is cut off"):
        content(zstandard.compress(TEXT) + skippable[:-1], "june")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_truncated_file_is_an_error(pack: type[bytes]) -> None:
    with pytest.raises(Unreadable, match="june is cut off"):
        content(pack(os.urandom(100_000))[:-50], "june")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_the_error_of_a_damaged_file_names_the_damage(pack: type[bytes]) -> None:
    packed = bytearray(pack(os.urandom(100_000)))
    packed[4:60] = b"\xff" * 56
    with pytest.raises(Unreadable, match="june is damaged"):
        content(bytes(packed), "june")
    with pytest.raises(Unreadable, match="june is damaged"):
        content(pack(TEXT) + b"rubbish", "june")


@pytest.mark.parametrize(("name", "kind"), [("x.gz", "gzip"), ("x.ndjson.zst", "zstd")])
def test_a_name_that_contradicts_the_format_of_the_file_is_rejected(name: str, kind: str) -> None:
    with pytest.raises(Unreadable, match=f"{name} is not {kind}"):
        content(TEXT, name)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_small_file_with_much_content_is_unpacked_in_small_pieces(pack: type[bytes]) -> None:
    text = TEXT * 300
    pieces = [len(piece) for piece in decompress_file(io.BytesIO(pack(text)), "-")]
    assert sum(pieces) == len(text)
    assert max(pieces) < 16 * 1024 * 1024
