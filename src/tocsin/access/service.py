"""Creates, rotates, revokes and adopts keys, ends sessions, and logs each change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import SecretStr

from tocsin.access.identification import Access
from tocsin.errors import InvalidInput, InvalidSettings
from tocsin.model.key import Key, KeyDraft, Role, Rotation
from tocsin.process.audit import Actor
from tocsin.process.clock import Clock
from tocsin.store.keys import Keys
from tocsin.store.sessions import Sessions


class KeyService:
    def __init__(
        self, keys: Keys, sessions: Sessions, access: Access, clock: Clock, *, is_shared: bool
    ) -> None:
        """`is_shared` if other nodes use the same keys: `tocsin migrate` changes that of the
        settings, because nodes with different settings would replace each other's."""
        self._keys = keys
        self._sessions = sessions
        self._access = access
        self._clock = clock
        self._is_shared = is_shared

    def create(self, draft: KeyDraft, actor: Actor) -> tuple[Key, str]:
        """A new key and its secret, which is not stored. Raises InvalidInput for an expiry that is
        not in the future."""
        now = self._clock.now()
        if draft.expires_at is not None and draft.expires_at <= now:
            raise InvalidInput.at("expiresAt", "must be in the future")
        key, secret = self._keys.create(draft.name, draft.role, now, draft.expires_at, actor)
        actor.log_change("key created", **_key_fields(key))
        return key, secret

    def rotate(self, id: UUID, rotation: Rotation, actor: Actor) -> tuple[Key, str]:
        """The key with a new secret, which is not stored. Its sessions end with the secret that
        was replaced.

        Raises NotFound, or Conflict for the key of the environment and for an expired one.
        """
        key, secret = self._keys.rotate(id, self._clock.now(), rotation.grace.length, actor)
        actor.log_change("key rotated", **_key_fields(key), grace=str(rotation.grace))
        return key, secret

    def revoke(self, id: UUID, actor: Actor) -> None:
        """Revoke a key, which ends its sessions. Raises NotFound, or Conflict for the key of the
        environment and for the last one with the role admin."""
        key = self._keys.revoke(id, self._clock.now(), actor)
        actor.log_change("key revoked", **_key_fields(key))

    def adopt(self, admin_key: SecretStr | None) -> str | None:
        """Make the key of the settings an admin key, which replaces the former key of the settings.

        If no admin key exists afterwards, as at the first start, create one and return its secret,
        which is not stored. A shared store is not changed. Raises InvalidSettings if it has
        another key of the settings.
        """
        secret = admin_key.get_secret_value() if admin_key else None
        if self._is_shared:
            self._recognize(secret)
            return None
        self._keys.adopt(secret, self._clock.now())
        self._access.guard_environment_key(secret)
        if self._keys.has_admin(self._clock.now()):
            return None
        _, created = self._keys.create("first start", Role.ADMIN, self._clock.now())
        return created

    def _recognize(self, secret: str | None) -> None:
        if secret and not self._keys.recognize(secret):
            raise InvalidSettings(
                "TOCSIN_ADMIN_KEY is not the admin key of this installation: run `tocsin migrate` "
                "with the same TOCSIN_ADMIN_KEY, or unset it"
            )
        self._access.guard_environment_key(secret)

    def end_session(self, id: UUID, actor: Actor) -> None:
        """End the session of a browser."""
        self._sessions.end(id)
        actor.log_change("session ended", session=str(id))


def _key_fields(key: Key) -> dict[str, Any]:
    return {"key": str(key.key_id), "key_name": key.name, "role": key.role.value}
