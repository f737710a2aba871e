"""Wrong content and arguments, and servers that do not answer: no Tocsin is needed for these."""

from __future__ import annotations

import time
from datetime import datetime
from uuid import uuid4

import pytest

from recorded import script
from support.receivers import answering, receiver, wait_for
from support.serving import free_port
from tocsin_client import Client, Rejection, TocsinError


def nowhere() -> str:
    """The URL of a port on which nothing listens."""
    return f"http://127.0.0.1:{free_port()}"


class Unreadable(dict[str, object]):
    """A payload with an error of its own."""

    def items(self) -> object:  # type: ignore[override]  # that is its purpose
        raise LookupError("the database is gone")


CYCLE: dict[str, object] = {}
CYCLE["itself"] = CYCLE


@pytest.mark.parametrize(
    "payload",
    [{"set": {1}}, {"nan": float("nan")}, {"text": "\ud800"}, {(1, 2): 3}, CYCLE, Unreadable(a=1)],
    ids=["set", "nan", "surrogate", "key", "cycle", "error"],
)
def test_a_payload_that_is_no_json_raises_nothing_and_is_reported(
    payload: dict[str, object],
) -> None:
    rejections: list[Rejection] = []
    with Client(nowhere(), "a-key", on_rejected=rejections.append) as client:
        id = client.record("NEVER", "1", "WROTE", payload)
    assert [rejection.interaction_id for rejection in rejections] == [id]
    assert client.stats.rejected == 1


def test_a_timestamp_without_a_zone_raises_nothing_and_is_reported() -> None:
    rejections: list[Rejection] = []
    with Client(nowhere(), "a-key", on_rejected=rejections.append) as client:
        client.record("NEVER", "1", "WROTE", timestamp=datetime(2026, 1, 1))
    assert str(rejections[0]) == "the timestamp has no time zone"


def test_retry_after_is_honoured() -> None:
    with receiver(answering(503, **{"Retry-After": "1"})) as limited:
        client = Client(limited.url, "a-key", interval=0)
        client.record("T", "1", "A")
        wait_for(lambda: len(limited.received) > 1)
        client.close(0)
    first, second = limited.received[:2]
    assert second.at - first.at >= 1
    assert second.body == first.body


def test_a_process_ends_in_bounded_time_without_a_server_and_logs_the_loss() -> None:
    started = time.monotonic()
    completed = script(nowhere(), "tocsin.record('T', '1', 'A')")
    assert completed.returncode == 0
    assert time.monotonic() - started < 30
    assert "closed with 1 interactions that are not recorded" in completed.stderr


def test_a_server_that_does_not_answer_is_an_error_of_a_calculation_only() -> None:
    with Client(nowhere(), "a-key") as client:
        with pytest.raises(TocsinError, match="does not answer") as caught:
            client.calculate(uuid4())
        assert caught.value.status is None


@pytest.mark.parametrize(
    ("url", "key"), [("tocsin:8420", "k"), ("ftp://host", "k"), ("http://host", "")]
)
def test_a_url_or_key_that_cannot_be_right_is_refused(url: str, key: str) -> None:
    with pytest.raises(ValueError, match=r"URL|key"):
        Client(url, key)
