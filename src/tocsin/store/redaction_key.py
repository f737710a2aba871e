"""The key of the installation with which redacted values are replaced by their HMAC."""

from __future__ import annotations

import secrets

from tocsin.store.key_value import KeyValueStore

_NAME = "redaction-key"
_BYTES = 32


def redaction_key(key_values: KeyValueStore) -> bytes:
    """The key, which is generated once. It is in backups of the store, and never in an answer."""
    stored = key_values.get(_NAME)
    if stored is None:
        stored = key_values.set_first(_NAME, secrets.token_hex(_BYTES))
    return bytes.fromhex(stored)
