"""The sessions of browsers that are signed in to the pages, read from memory.

A cookie holds a random token; only its SHA-256 is stored. `run_maintenance` writes the time of the
last use of each session, so that viewing a page writes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from uuid import UUID, uuid4

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from tocsin.errors import NotFound
from tocsin.model.instant import cut
from tocsin.store.database import Database
from tocsin.store.tables import sessions

IDLE = timedelta(hours=8)
"""A session ends after this time without use."""

LONGEST = timedelta(days=14)
"""A session ends after this time in any case."""

# A further sign-in with the same key ends its least recently used session.
MAX_PER_KEY = 100


@dataclass(slots=True)
class Session:
    """A browser that signed in with a key; `used_date` changes with each use."""

    session_id: UUID
    key_id: UUID
    address: str | None
    created_date: datetime
    used_date: datetime

    def is_over(self, at: datetime) -> bool:
        return at - self.used_date >= IDLE or at - self.created_date >= LONGEST


class Sessions:
    """Any number of threads may use the object."""

    def __init__(self, database: Database) -> None:
        self._by_hash: dict[str, Session] = {}
        self._cached = database.revisions.cache(sessions.name, self._load)

    def begin(self, key_id: UUID, address: str | None, at: datetime) -> str:
        """Begin a session. Returns its token, which is not stored."""
        token = secrets.token_urlsafe(32)
        session = Session(uuid4(), key_id, address, cut(at), cut(at))
        with self._cached.locked():
            self._end(self._surplus(key_id))
            with self._cached.changing() as change:
                row = insert(sessions).values(hash=_hash(token), **asdict(session))
                change.connection.execute(row)
                change.on_commit(lambda: self._put({**self._by_hash, _hash(token): session}))
        return token

    def use(self, token: str, at: datetime) -> Session | None:
        """The session of a token, with `at` as the time of its last use; None if it is over.

        Takes no lock, because a write to the store may hold it for seconds and this is called on
        the event loop, too.
        """
        session = self._by_hash.get(_hash(token))
        if session is None or session.is_over(at):
            return None
        session.used_date = max(at, session.used_date)
        return session

    def all(self, at: datetime) -> list[Session]:
        """The sessions that are not over, most recently used first."""
        live = [session for session in self._by_hash.values() if not session.is_over(at)]
        return sorted(live, key=lambda session: session.used_date, reverse=True)

    def end(self, id: UUID) -> None:
        """Raises NotFound."""
        with self._cached.locked():
            hashes = [h for h, session in self._by_hash.items() if session.session_id == id]
            if not hashes:
                raise NotFound("There is no session with this id")
            self._end(hashes)

    def run_maintenance(self, at: datetime) -> None:
        """Write the times of last use, and delete sessions that are over.

        The store deletes the sessions of a revoked key together with the key.
        """
        with self._cached.locked():
            used = [
                {"hashed": hashed, "used": cut(session.used_date)}
                for hashed, session in self._by_hash.items()
            ]
            if used:
                changed = (
                    update(sessions)
                    .where(sessions.c.hash == bindparam("hashed"))
                    # Another node may have seen a later use.
                    .where(sessions.c.used_date < bindparam("used"))
                )
                with self._cached.changing() as change:
                    change.connection.execute(changed.values(used_date=bindparam("used")), used)
            self._end([h for h, session in self._by_hash.items() if session.is_over(at)])

    def _surplus(self, key_id: UUID) -> list[str]:
        """The least recently used sessions of a key that must end before another one begins."""
        of_key = {h: session for h, session in self._by_hash.items() if session.key_id == key_id}
        by_use = sorted(of_key, key=lambda hashed: of_key[hashed].used_date)
        return by_use[: max(len(of_key) - MAX_PER_KEY + 1, 0)]

    def _end(self, hashes: list[str]) -> None:
        if not hashes:
            return
        ended = set(hashes)
        with self._cached.changing() as change:
            change.connection.execute(delete(sessions).where(sessions.c.hash.in_(hashes)))
            change.on_commit(
                lambda: self._put({h: s for h, s in self._by_hash.items() if h not in ended})
            )

    def _load(self, connection: Connection) -> Callable[[], None]:
        """Keep the sessions in memory, which know when they were used on this node."""
        members = [field.name for field in fields(Session)]
        by_hash: dict[str, Session] = {}
        for row in connection.execute(select(sessions)).mappings():
            session = self._by_hash.get(row["hash"]) or Session(**{m: row[m] for m in members})
            session.used_date = max(session.used_date, row["used_date"])
            by_hash[row["hash"]] = session
        return partial(self._put, by_hash)

    def _put(self, by_hash: dict[str, Session]) -> None:
        self._by_hash = by_hash


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
