"""Middleware of ASGI, WSGI and Django, and the applications in examples/ that use it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import httpx2 as httpx
import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from recorded import interactions, running_server
from support.receivers import wait_for
from support.serving import Server, free_port
from tocsin_client import Client, Exchange
from tocsin_client.asgi import TocsinMiddleware as AsgiMiddleware
from tocsin_client.django import TocsinMiddleware as DjangoMiddleware
from tocsin_client.wsgi import TocsinMiddleware as WsgiMiddleware

ROOT = Path(__file__).parents[3]
EXAMPLES = {
    "fastapi": ("uvicorn", "--app-dir", "examples", "fastapi_app:app", "--port"),
    "flask": ("flask", "--app", "examples/flask_app.py", "run", "--port"),
    "django": ("examples/django_app.py", "runserver", "--noreload"),
}
Hook = Callable[[Exchange], None]
Handler = Callable[[], int]
"""Handles a request; answers the status."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as started:
        yield started


def environment_of(server: Server) -> dict[str, str]:
    return {
        **os.environ,
        "TOCSIN_URL": server.url,
        "TOCSIN_API_KEY": server.admin_key,
        "PYTHONPATH": str(ROOT / "clients" / "python" / "src"),
    }


def listens(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/nothing", trust_env=False)
    except httpx.TransportError:
        return False
    return True


def recorded_of(server: Server, customer: str) -> list[tuple[str, str, Any]]:
    return [
        (each["action"], each["origin"], each["interaction"])
        for resource_type in ("LOGIN", "CUSTOMER")
        for each in interactions(server, resource_type)
        if each["resourceId"] == customer
    ]


@pytest.mark.parametrize("framework", EXAMPLES)
def test_an_example_records_failed_logins_and_orders(
    framework: str, server: Server, tmp_path: Path
) -> None:
    port, customer, program = free_port(), f"customer of {framework}", EXAMPLES[framework]
    module = () if program[0].endswith(".py") else ("-m",)
    command = [sys.executable, *module, *program, str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment_of(server), stdout=log, stderr=log
        )
    try:
        wait_for(lambda: listens(port) or process.poll() is not None)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            login = {"customer": customer, "password": "wrong"}
            headers = {"x-customer": customer}
            assert http.post("/login", json=login, headers=headers).status_code == 401
            login["password"] = "correct horse"
            assert http.post("/login", json=login, headers=headers).status_code == 200
            order = {"customer": customer, "total": "12.50"}
            assert http.post("/orders", json=order).status_code == 201
        wait_for(lambda: len(recorded_of(server, customer)) >= 2)
    finally:
        process.terminate()
        process.wait(30)
    assert recorded_of(server, customer) == [
        ("LOGIN_FAILED", "WEB", {}),
        ("ORDERED", "WEB", {"total": "12.50"}),
    ], (tmp_path / "log").read_text()


def test_the_example_of_a_script_records_its_runs(server: Server) -> None:
    completed = subprocess.run(
        [sys.executable, "examples/script.py"],
        cwd=ROOT,
        env=environment_of(server),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    assert "recorded=4, rejected=0, dropped=0" in completed.stdout
    assert len(interactions(server, "ARTICLE")) == 3


def through_asgi(handler: Handler, hook: Hook) -> int:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        status = handler()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def main() -> int:
        transport = httpx.ASGITransport(app=AsgiMiddleware(app, on_response=hook))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
            response = await http.post("/p%C3%A4th", headers={"X-Customer": "42"})
            return int(response.status_code)

    return asyncio.run(main())


def through_wsgi(handler: Handler, hook: Hook) -> int:
    statuses = []

    def app(_: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response(f"{handler()} Fine", [])
        return [b""]

    environ: dict[str, Any] = {"HTTP_X_CUSTOMER": "42", "REQUEST_METHOD": "POST"}
    environ["PATH_INFO"] = "/päth".encode().decode("latin-1")
    setup_testing_defaults(environ)
    list(WsgiMiddleware(app, on_response=hook)(environ, lambda s, _: statuses.append(int(s[:3]))))
    return statuses[0]


def request_of_django() -> HttpRequest:
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
    return RequestFactory().post("/päth", headers={"X-Customer": "42"})


def django_middleware(hook: Hook) -> type[DjangoMiddleware]:
    class Middleware(DjangoMiddleware):
        def on_response(self, exchange: Exchange) -> None:
            hook(exchange)

    return Middleware


def through_django(handler: Handler, hook: Hook) -> int:
    def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse(status=handler())

    return int(django_middleware(hook)(view)(request_of_django()).status_code)


def through_asynchronous_django(handler: Handler, hook: Hook) -> int:
    async def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse(status=handler())

    async def main() -> int:
        response = await django_middleware(hook)(view)(request_of_django())
        return int(response.status_code)

    return asyncio.run(main())


ALL = pytest.mark.parametrize(
    "through",
    [through_asgi, through_wsgi, through_django, through_asynchronous_django],
    ids=["asgi", "wsgi", "django", "asynchronous django"],
)
Through = Callable[[Handler, Hook], int]


@ALL
def test_the_response_is_reported_with_the_request(through: Through) -> None:
    exchanges: list[Exchange] = []
    assert through(lambda: 418, exchanges.append) == 418
    (exchange,) = exchanges
    assert (exchange.method, exchange.path, exchange.status) == ("POST", "/päth", 418)
    assert exchange.headers["x-customer"] == "42"
    assert 0 <= exchange.seconds < 10
    assert exchange.request is not None


@ALL
def test_an_error_in_the_report_does_not_change_the_response(
    through: Through, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Exchange) -> None:
        raise RuntimeError("in the application")

    assert through(lambda: 204, fail) == 204
    assert "on_response failed" in caplog.text


@ALL
def test_interactions_of_a_request_have_one_unit_of_work(
    through: Through, server: Server, request: pytest.FixtureRequest
) -> None:
    kind = f"UNIT_{request.node.callspec.id.replace(' ', '_')}"
    with Client(server.url, server.admin_key) as tocsin:

        def handler() -> int:
            tocsin.record(kind, "1", "OPENED")
            tocsin.record(kind, "2", "OPENED")
            return 200

        def hook(_: Exchange) -> None:
            tocsin.record(kind, "3", "ANSWERED")

        for _ in range(2):
            through(handler, hook)
    units = [each["uowId"] for each in interactions(server, kind)]
    assert sorted(units.count(unit) for unit in set(units)) == [3, 3]


@pytest.mark.parametrize("through", [through_asgi, through_wsgi])
def test_an_application_that_raises_is_reported_as_500_and_still_raises(through: Through) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    exchanges: list[Exchange] = []
    with pytest.raises(ZeroDivisionError):
        through(fail, exchanges.append)
    assert [exchange.status for exchange in exchanges] == [500]


def test_asgi_connections_that_are_not_http_pass_unchanged() -> None:
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append((scope, receive, send))

    passed: tuple[Any, Any, Any] = ({"type": "lifespan"}, None, None)
    asyncio.run(AsgiMiddleware(app)(*passed))
    assert scopes == [passed]
