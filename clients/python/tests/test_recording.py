"""Recording on a real server: it is killed in between, processes end and fork, content is wrong."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from recorded import counts, interactions, running_server, script
from support.serving import Server
from tocsin_client import AsyncClient, Client, Rejection, Row, Stats, TocsinError

EACH = 500


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as started:
        yield started


def client_of(server: Server, **options: object) -> Client:
    return Client(server.url, server.admin_key, origin="TEST", interval=0.02, **options)  # type: ignore[arg-type]  # the options of one test each


def record_some(client: Client | AsyncClient, resource_type: str, first: int, count: int) -> None:
    for number in range(first, first + count):
        client.record(resource_type, str(number), "WROTE", {"n": number})
        time.sleep(0.001)


async def record_in_loop(client: AsyncClient, first: int, count: int) -> None:
    for number in range(first, first + count):
        client.record("ASYNC", str(number), "WROTE", {"n": number})
        await asyncio.sleep(0.001)


def kill_and_restart(server: Server) -> None:
    time.sleep(0.3)
    server.kill()
    time.sleep(0.3)
    server.start()


async def record_while_it_is_killed(server: Server) -> tuple[Stats, Stats]:
    """Records with both clients, from threads and from the loop."""
    options = {"origin": "TEST", "interval": 0.02, "batch_size": 50}
    async with AsyncClient(server.url, server.admin_key, **options) as in_loop:  # type: ignore[arg-type]  # options of several types
        with client_of(server, batch_size=50) as in_thread:
            await asyncio.gather(
                asyncio.to_thread(kill_and_restart, server),
                asyncio.to_thread(record_some, in_thread, "KILLED", 0, EACH),
                asyncio.to_thread(record_some, in_thread, "KILLED", EACH, EACH),
                asyncio.to_thread(record_some, in_loop, "ASYNC", 0, EACH),
                record_in_loop(in_loop, EACH, EACH),
            )
            assert await asyncio.to_thread(in_thread.flush, 60)
            assert await in_loop.flush(60)
            return in_thread.stats, in_loop.stats


def test_a_server_that_is_killed_loses_and_doubles_nothing(server: Server) -> None:
    for stats in asyncio.run(record_while_it_is_killed(server)):
        assert (stats.recorded, stats.rejected, stats.dropped) == (2 * EACH, 0, 0)
        assert stats.retries > 0
    assert counts(server, "KILLED") == (2 * EACH, 2 * EACH)
    assert counts(server, "ASYNC") == (2 * EACH, 2 * EACH)


def test_members_are_recorded_as_given(server: Server) -> None:
    moment = datetime(2026, 11, 1, 9, 30, tzinfo=timezone.utc)
    id, unit, user = uuid4(), uuid4(), "anna"
    payload = {"amount": Decimal("12.50"), "at": moment, "id": id, "name": "Zoë"}
    with client_of(server) as client:
        returned = client.record(
            "MEMBERS",
            "42",
            "ORDERED",
            payload,
            origin="SHOP",
            user_id=user,
            uow_id=unit,
            external_reference="invoice 7",
            external_response=["accepted"],
            timestamp=moment,
            interaction_id=id,
        )
        client.record("MEMBERS", "43", "ORDERED")
    assert returned == id
    second, first = interactions(server, "MEMBERS")
    if first["interactionId"] != str(id):
        first, second = second, first
    expected = {
        "interactionId": str(id),
        "resourceId": "42",
        "origin": "SHOP",
        "userId": user,
        "uowId": str(unit),
        "externalReference": "invoice 7",
        "externalResponse": ["accepted"],
        "timestamp": "2026-11-01T09:30:00.000Z",
        "interaction": {
            "amount": "12.50",
            "at": "2026-11-01T09:30:00+00:00",
            "id": str(id),
            "name": "Zoë",
        },
    }
    assert {name: first[name] for name in expected} == expected
    assert second["origin"] == "TEST"


def test_interactions_outside_of_a_request_have_units_of_work_of_their_own(server: Server) -> None:
    with client_of(server) as client:
        for number in range(3):
            client.record("UNITS", str(number), "WROTE")
    assert len({each["uowId"] for each in interactions(server, "UNITS")}) == 3


def test_a_rejected_interaction_is_reported_with_its_field_and_the_others_are_recorded(
    server: Server,
) -> None:
    rejections: list[Rejection] = []
    with client_of(server, on_rejected=rejections.append) as client:
        for number in range(10):
            client.record("REJECTED", "" if number == 4 else str(number), "WROTE", {"n": number})
        assert client.flush(10)
        (rejection,) = rejections
        assert [error.field for error in rejection.errors] == ["resourceId"]
        assert rejection.interaction["interaction"] == {"n": 4}
        stats = client.stats
        assert (stats.recorded, stats.rejected, stats.retries) == (9, 1, 0)
    assert counts(server, "REJECTED") == (9, 9)


def test_without_a_callback_a_rejection_is_logged_without_its_payload(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "tocsin_client"), client_of(server) as client:
        client.record("LOGGED", "1", "not a mnemonic", {"secret": "hunter2"})
    assert "1 interactions are rejected; the first: action: " in caplog.text
    assert "hunter2" not in caplog.text


def test_an_error_in_the_callback_does_not_stop_the_sender(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Rejection) -> None:
        raise RuntimeError("in the application")

    with client_of(server, on_rejected=fail) as client:
        client.record("CALLBACK", "", "WROTE", {"n": 0})
        assert client.flush(10)
        client.record("CALLBACK", "1", "WROTE", {"n": 1})
        assert client.flush(10)
    assert counts(server, "CALLBACK") == (1, 1)
    assert "on_rejected failed" in caplog.text


def test_a_change_of_the_payload_after_recording_has_no_effect(server: Server) -> None:
    payload = {"n": 1}
    with client_of(server) as client:
        client.record("CHANGED", "1", "WROTE", payload)
        payload["n"] = 2
    assert [each["interaction"] for each in interactions(server, "CHANGED")] == [{"n": 1}]


def test_a_process_that_ends_sends_its_queue(server: Server) -> None:
    recording = "for n in range(700): tocsin.record('EXIT', str(n), 'WROTE', {'n': n})"
    completed = script(server.url, recording)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert counts(server, "EXIT") == (700, 700)


def test_an_asynchronous_program_of_two_loops_that_closes_nothing_sends_its_queue_at_exit(
    server: Server,
) -> None:
    completed = script(
        server.url,
        f"""
import asyncio
client = AsyncClient({server.url!r}, {server.admin_key!r})
async def main(n): client.record('FORGOT', '1', 'WROTE', {{'n': n}})
asyncio.run(main(1))
asyncio.run(main(2))
""",
    )
    assert (completed.returncode, completed.stderr) == (0, "")
    assert counts(server, "FORGOT") == (2, 2)


def test_the_child_of_a_fork_has_a_queue_of_its_own(server: Server) -> None:
    completed = script(
        server.url,
        """
import os
tocsin.record('FORK', '0', 'WROTE', {'n': 0})
child = os.fork()
if child == 0:
    assert tocsin.stats.queued == 0
tocsin.record('FORK', str(os.getpid()), 'WROTE', {'n': os.getpid()})
assert tocsin.flush(20)
if child: os.waitpid(child, 0)
""",
    )
    assert (completed.returncode, completed.stderr) == (0, "")
    assert counts(server, "FORK") == (3, 3)


CHILD_CODE = """
import multiprocessing
def work(number): tocsin.record('CHILD', str(number), 'WROTE', {'n': number})
if __name__ == '__main__':
    tocsin.record('CHILD', '9', 'WROTE', {'n': 9})
    context = multiprocessing.get_context('fork')
    children = [context.Process(target=work, args=(n,)) for n in range(2)]
    for child in children: child.start()
    for child in children: child.join()
"""


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork"
)
def test_a_child_of_multiprocessing_sends_its_queue_when_it_ends(server: Server) -> None:
    completed = script(server.url, CHILD_CODE)
    assert completed.returncode == 0, completed.stderr
    assert counts(server, "CHILD") == (3, 3)


def test_a_metric_is_calculated(server: Server) -> None:
    with client_of(server) as client, server.client() as http:
        for country in ("ZA", "ZA", "DE"):
            client.record("CALCULATED", "1", "WROTE", {"country": country})
        assert client.flush(10)
        metric = {
            "name": "By country",
            "metricType": "COUNT",
            "resourceType": "CALCULATED",
            "groupBy": ["interaction.country"],
        }
        id = UUID(http.post("/api/interaction-metrics", json=metric).json()["metricId"])
        rows = [Row(2, {"interaction_country": "ZA"}), Row(1, {"interaction_country": "DE"})]
        assert client.calculate(id) == rows
        assert client.calculate(id, at=datetime(2026, 1, 1, tzinfo=timezone.utc)) == []
        with pytest.raises(TocsinError) as caught:
            client.calculate(uuid4())
    assert caught.value.status == 404


def test_an_asynchronous_client_calculates_a_metric(server: Server) -> None:
    async def main() -> list[Row]:
        async with AsyncClient(server.url, server.admin_key) as client:
            return await client.calculate(metric_id)

    with server.client() as http:
        metric = {"name": "All", "metricType": "COUNT", "resourceType": "NOTHING"}
        http.post("/api/resource-types", json={"mnemonic": "NOTHING", "title": "Nothing"})
        metric_id = http.post("/api/interaction-metrics", json=metric).json()["metricId"]
    assert asyncio.run(main()) == [Row(0, None)]
