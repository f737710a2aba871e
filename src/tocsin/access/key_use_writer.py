"""The worker that writes the last uses of keys once a minute."""

from __future__ import annotations

from tocsin.process.worker import Worker, attempt
from tocsin.store.key_uses import KeyUses

_INTERVAL_SECONDS = 60.0


class KeyUseWriter(Worker):
    """Writes on every node; nothing if no key was used in a new minute."""

    def __init__(self, uses: KeyUses) -> None:
        super().__init__("key uses", retry_seconds=_INTERVAL_SECONDS)
        self._uses = uses

    def run_once(self) -> float:
        self._uses.save()
        return _INTERVAL_SECONDS

    def stop(self) -> None:
        """End the thread, and write the uses since its last run."""
        super().stop()
        attempt(self._uses.save, "last uses of keys not written")
