"""The ledger of erasures as a file: in the data folder, and where a restore reads it from."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from tocsin.errors import InvalidSettings
from tocsin.model.erasure import ErasureHashes
from tocsin.model.erasure_ledger import FORMAT, Ledger
from tocsin.storage.durable_files import sync_folder, write_durably
from tocsin.store.database import FOLDER_ID, Database
from tocsin.store.erasures import Erasures
from tocsin.store.key_value import KeyValueStore

LEDGER = "erasures.json"


def write_ledger(folder: Path | None, ledger: Ledger) -> None:
    """Replace the file in a data folder; nothing is written for servers."""
    if folder is None:
        return
    new = folder / f"{LEDGER}.new"
    new.unlink(missing_ok=True)
    write_durably(new, msgspec.json.encode(ledger))
    os.replace(new, folder / LEDGER)
    sync_folder(folder)


def add_ledger(database: Database, path: Path) -> int:
    """Add the erasures of a ledger to the store of the same installation; returns the number of
    those that it had not. Raises InvalidSettings."""
    ledger = _read(path)
    hashes = ErasureHashes(KeyValueStore(database).get(FOLDER_ID) or "")
    if ledger.key != hashes.name:
        raise InvalidSettings(f"{path} is the ledger of another installation")
    return Erasures(database, hashes).add_ledger(ledger.erasures)


def _read(path: Path) -> Ledger:
    """Raises InvalidSettings if the file is no ledger of this format."""
    try:
        ledger = msgspec.json.decode(path.read_bytes(), type=Ledger)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidSettings(f"{path} is no ledger of erasures: {error}") from error
    if ledger.format != FORMAT:
        raise InvalidSettings(f"{path} has the format {ledger.format}; this version reads {FORMAT}")
    return ledger
