"""Writes a backup as a tar archive in pieces, and unpacks one into a folder.

The manifest is the last member: an archive that was cut off has none, and neither has its folder.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from tocsin.storage.backup_manifest import (
    CHUNK,
    MANIFEST,
    FileEntry,
    HashedFile,
    InvalidBackup,
    Manifest,
)
from tocsin.storage.durable_files import copy_hashed, require_empty, write_durably

_END = bytes(2 * tarfile.BLOCKSIZE)


def archive(files: Mapping[str, Path], manifest: Manifest) -> Iterator[bytes]:
    """The pieces of an archive of files by their paths in it, each at most a megabyte."""
    for name, target in manifest.links.items():
        yield _header(name, link=target)
    entries = {}
    for name, path in files.items():
        size = path.stat().st_size
        yield _header(name, size)
        with path.open("rb") as opened:
            file = HashedFile(opened)
            yield from file.chunks()
        entries[name] = file.entry
        if file.entry.bytes != size:
            raise InvalidBackup(f"{path} changed while it was read")
        yield _padding(size)
    manifest = msgspec.structs.replace(manifest, files=entries)
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    yield _header(MANIFEST, len(content)) + content + _padding(len(content))
    yield _END


def unpack(pieces: Iterator[bytes], folder: Path) -> Manifest:
    """Write an archive into a folder, which is created, or empty. Raises InvalidBackup.

    The manifest is written after all else is on disk.
    """
    require_empty(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written: dict[str, FileEntry] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(fileobj=_Pieces(pieces), mode="r|", bufsize=CHUNK) as archived:
            for member in archived:
                if member.name == MANIFEST:
                    content = archived.extractfile(member)
                    assert content
                    manifest = msgspec.json.decode(content.read(), type=Manifest)
                else:
                    _extract(archived, member, folder, written)
    except (tarfile.TarError, msgspec.DecodeError) as error:
        raise InvalidBackup(f"The backup was cut off: {error}") from error
    if manifest is None:
        raise InvalidBackup("The backup was cut off before its end")
    if damaged := sorted(n for n, e in manifest.files.items() if written.get(n) != e):
        raise InvalidBackup(f"{damaged[0]} did not arrive as it was sent")
    os.sync()
    write_durably(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return manifest


def _extract(
    archived: tarfile.TarFile,
    member: tarfile.TarInfo,
    folder: Path,
    written: dict[str, FileEntry],
) -> None:
    # Refuses paths and links that lead out of the folder.
    member = tarfile.data_filter(member, str(folder))
    path = folder / member.name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if member.issym():
        path.symlink_to(member.linkname)
        return
    content = archived.extractfile(member)
    if content is None:
        raise InvalidBackup(f"The backup has a member that is no file: {member.name}")
    written[member.name] = copy_hashed(content, path)


class _Pieces(io.RawIOBase):
    """A file that reads from pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts, length = [self._rest], len(self._rest)
        while size < 0 or length < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            length += len(piece)
        content = b"".join(parts)
        end = len(content) if size < 0 else size
        self._rest = content[end:]
        return content[:end]


def _header(name: str, size: int = 0, link: str = "") -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    if link:
        member.type, member.linkname = tarfile.SYMTYPE, link
    return member.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
