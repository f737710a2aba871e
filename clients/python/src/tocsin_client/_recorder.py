"""The part that both clients share: encoding and queueing of interactions, reports, statistics."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx

from tocsin_client._encoding import encode, instant
from tocsin_client._http import options_of, send
from tocsin_client._outbox import Outbox, RejectedItem, Stats, log
from tocsin_client._process import watch
from tocsin_client._rejection import FieldError, Rejection
from tocsin_client._requests import current_unit_of_work

EXIT_SECONDS = 5.0
OnRejected = Callable[[Rejection], None]


class Recorder:
    """Queues interactions; a subclass sends them."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        origin: str = "APP",
        capacity: int = 10_000,
        batch_size: int = 500,
        interval: float = 1.0,
        on_rejected: OnRejected | None = None,
    ) -> None:
        """
        url: the server, such as `http://127.0.0.1:8420`
        key: a key with the role `ingest`; `calculate` needs the role `read`
        origin: the origin of interactions that are recorded without one
        capacity: the number of interactions that wait at most; beyond, the oldest are dropped
        batch_size: the number of interactions of a request at most
        interval: the seconds that an interaction waits at most before the first attempt to send it
        on_rejected: gets each interaction that is not acceptable; without it they are logged.
            It is called in the thread that sends, and must not wait for a flush.

        Raises ValueError if an argument cannot be right. Connects to nothing.
        """
        self._url = url
        self._options = options_of(url, key)
        self._origin = origin
        self._on_rejected = on_rejected
        self._limits = (capacity, batch_size, interval)
        self._reset()
        watch(self._close_at_exit, self._reset)

    def _reset(self) -> None:
        """Begin with an empty queue and without a sender, also in the child of a fork."""
        self._outbox = Outbox(*self._limits)

    @property
    def stats(self) -> Stats:
        """The numbers of interactions that are queued, recorded, rejected and dropped."""
        return self._outbox.stats

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._url}: {self.stats}>"

    def record(
        self,
        resource_type: str,
        resource_id: str,
        action: str,
        payload: Mapping[str, Any] | None = None,
        *,
        origin: str | None = None,
        user_id: str | None = None,
        uow_id: UUID | str | None = None,
        external_reference: str | None = None,
        external_response: Any = None,
        timestamp: datetime | None = None,
        interaction_id: UUID | None = None,
    ) -> UUID:
        """Queue an interaction and return its id. Does not block and raises no error.

        The timestamp is now, and the unit of work that of the current web request, unless they are
        given. The payload may contain Decimal, datetime, UUID and Enum beside the values of JSON.
        """
        id = interaction_id or uuid4()
        members = {
            "interactionId": id,
            "resourceType": resource_type,
            "resourceId": resource_id,
            "action": action,
            "origin": origin or self._origin,
            "uowId": uow_id or current_unit_of_work(),
            "userId": user_id,
            "externalReference": external_reference,
            "externalResponse": external_response,
            "interaction": payload,
        }
        given = {name: value for name, value in members.items() if value is not None}
        try:
            given["timestamp"] = instant(timestamp or datetime.now(timezone.utc))
            line = encode(given)
        except Exception as error:  # of the application's own objects, too
            self._outbox.add_rejected()
            self._report([Rejection(id, (FieldError("", str(error)),), given)])
            return id
        if self._outbox.add(id, line):
            self._wake()
        return id

    def _wake(self) -> None:
        """Make the sender look at the queue, and start it if it does not run."""
        raise NotImplementedError

    def _close_at_exit(self) -> None:
        """Flush for `EXIT_SECONDS` at most, and close."""
        raise NotImplementedError

    def _drain(self, seconds: float) -> bool:
        """Send everything that is queued from this thread; False if that takes longer."""
        deadline = time.monotonic() + seconds
        done = threading.Event()
        self._outbox.flush(done.set)
        with httpx.Client(**self._options) as http:
            while not done.is_set() and (left := deadline - time.monotonic()) > 0:
                if batch := self._outbox.take():
                    self._report_items(self._outbox.settle(send(http, batch, left)))
                else:
                    time.sleep(min(left, self._outbox.seconds_until_due() or left))
        return done.is_set()

    def _report_items(self, items: list[RejectedItem]) -> None:
        self._report([Rejection(item.id, errors, json.loads(item.line)) for item, errors in items])

    def _report(self, rejections: list[Rejection]) -> None:
        if not rejections:
            return
        if self._on_rejected is None:
            log.error("%d interactions are rejected; the first: %s", len(rejections), rejections[0])
            return
        for rejection in rejections:
            _call(self._on_rejected, rejection)


def _call(on_rejected: OnRejected, rejection: Rejection) -> None:
    """Call the function of the application; its errors do not stop the sender."""
    try:
        on_rejected(rejection)
    except Exception:
        log.exception("on_rejected failed")
