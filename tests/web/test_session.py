"""Sessions, roles and security headers of the pages, without a browser."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from support.serving import ADMIN_KEY
from tocsin.model.key import Role
from tocsin.runtime import Runtime
from tocsin.store.sessions import IDLE, MAX_PER_KEY
from tocsin.web.app import ROUTERS

Site = Callable[..., TestClient]
MINUTE = timedelta(minutes=1)

OPEN = {"/web/sign-in", "/web/sign-out", "/web/static/{name:path}"}
FOR_ALL = {"/web/catalog"}
FOR_ADMINS = (
    *("/web/keys", "/web/catalog/", "/web/channels/", "/web/subscriptions/"),
    *("/web/silences/", "/web/audit", "/web/erasures"),
)
ASKS = ("/calculate-all", "/preview")


def routes() -> list[tuple[str, str]]:
    pages = [route for router in ROUTERS for route in router.routes]
    return [(m, r.path) for r in pages if isinstance(r, APIRoute) for m in r.methods or ()]


def may(role: Role, method: str, path: str) -> bool:
    if path in OPEN or path in FOR_ALL:
        return True
    changes = path.startswith(FOR_ADMINS) or method == "POST"
    if changes and not path.endswith(ASKS):
        return role is Role.ADMIN
    return role in (Role.READ, Role.ADMIN) if not path.endswith("/edit") else role is Role.ADMIN


def call(client: TestClient, method: str, path: str) -> int:
    address = path.replace("{id:uuid}", str(uuid4())).replace("{kind}", "action")
    return client.request(method, address).status_code


def test_a_viewer_without_a_session_is_redirected_to_the_form_and_back(site: Site) -> None:
    nobody = site(None)
    assert len(routes()) > 25
    for method, path in routes():
        if path not in OPEN:
            assert call(nobody, method, path) == 303, (method, path)
    answer = nobody.get("/web/metrics?q=a%26b")
    assert answer.headers["location"] == "/web/sign-in?next=%2Fweb%2Fmetrics%3Fq%3Da%2526b"


@pytest.mark.parametrize("role", list(Role))
def test_a_role_sees_its_pages_and_no_others(site: Site, keys: dict[str, str], role: Role) -> None:
    client = site(keys[role])
    for method, path in routes():
        if path not in OPEN:
            refused = call(client, method, path) == 403
            assert refused is not may(role, method, path), (method, path)


def test_a_wrong_key_is_rejected_with_a_message_and_sets_no_cookie(site: Site) -> None:
    answer = site(None).post("/web/sign-in", data={"key": "no such key"})
    assert answer.status_code == 401
    assert "This key is unknown, or was revoked" in answer.text
    assert "set-cookie" not in answer.headers


def test_the_cookie_is_hidden_from_scripts_and_not_sent_from_other_sites(
    site: Site, keys: dict[str, str]
) -> None:
    answer = site(None).post("/web/sign-in", data={"key": keys["read"]})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert keys["read"].lower() not in cookie


@pytest.mark.parametrize("proto", ["https", "HTTPS", "https, http", "https,http"])
def test_behind_tls_the_cookie_is_bound_to_the_host_and_to_tls(
    site: Site, keys: dict[str, str], proto: str
) -> None:
    forwarded = {"x-forwarded-proto": proto}
    client = site(None)
    answer = client.post("/web/sign-in", data={"key": keys["read"]}, headers=forwarded)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-tocsin_session=")
    assert "; Secure" in cookie
    assert "; Path=/" in cookie
    assert "domain" not in cookie.lower()
    sent = {**forwarded, "cookie": cookie.partition(";")[0]}
    assert site(None).get("/", headers=sent).status_code == 200
    planted = {**forwarded, "cookie": sent["cookie"].removeprefix("__Host-")}
    assert site(None).get("/", headers=planted).status_code == 303, "a cookie of plain http"


@pytest.mark.parametrize("proto", ["", "http", "http, https"])
def test_without_tls_to_the_browser_the_cookie_is_not_secure(
    site: Site, keys: dict[str, str], proto: str
) -> None:
    forwarded = {"x-forwarded-proto": proto}
    answer = site(None).post("/web/sign-in", data={"key": keys["read"]}, headers=forwarded)
    assert answer.headers["set-cookie"].startswith("tocsin_session=")
    assert "secure" not in answer.headers["set-cookie"].lower()


def test_a_session_ends_when_its_key_is_revoked(site: Site, runtime: Runtime) -> None:
    key, secret = runtime.keys.create("soon gone", Role.READ, runtime.now())
    client = site(secret)
    assert client.get("/").status_code == 200
    runtime.keys.revoke(key.key_id, runtime.now())
    assert client.get("/").status_code == 303


def test_a_session_ends_when_its_key_expires(
    site: Site, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = runtime.now()
    _, secret = runtime.keys.create("temporary", Role.READ, now, now + MINUTE)
    client = site(secret)
    assert client.get("/").status_code == 200
    monkeypatch.setattr(runtime, "now", lambda: now + MINUTE)
    assert client.get("/").status_code == 303
    assert site(None).get("/").status_code == 303


def test_a_session_ends_with_the_former_secret_of_its_key(
    site: Site, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = runtime.keys.create("rotated", Role.READ, runtime.now())
    client = site(secret)
    now = runtime.now()
    runtime.keys.rotate(key.key_id, now, MINUTE)
    assert client.get("/").status_code == 200
    monkeypatch.setattr(runtime, "now", lambda: now + MINUTE)
    assert client.get("/").status_code == 303


def test_an_admin_creates_a_key_that_expires_and_rotates_it(site: Site, runtime: Runtime) -> None:
    admin = site()
    form = {"name": "short-lived", "role": "read", "expiresAt": "30d"}
    assert "Your new key" in admin.post("/web/keys", data=form).text
    (key,) = [each for each in runtime.keys.all() if each.name == "short-lived"]
    assert key.expires_at
    assert timedelta(days=29) < key.expires_at - runtime.now() <= timedelta(days=30)
    page = admin.post(f"/web/keys/{key.key_id}/rotate", data={"grace": "7d"}).text
    assert "Your new key" in page
    assert "former secret until" in page
    assert admin.post(f"/web/keys/{key.key_id}/rotate", data={"grace": "99d"}).status_code == 422
    assert admin.post("/web/keys", data={**form, "expiresAt": "soon"}).status_code == 422


def test_a_forged_cookie_is_no_session(site: Site, runtime: Runtime) -> None:
    client = site(None)
    for forged in (str(runtime.keys.all()[0].key_id), "a.b.c", ".", "\x7f"):
        client.cookies.set("tocsin_session", forged)
        assert client.get("/").status_code == 303


def copy_of(client: TestClient, site: Site) -> TestClient:
    """A browser with the same cookies."""
    copy = site(None)
    copy.cookies.update(client.cookies)
    return copy


def test_signing_out_ends_the_session_on_the_server_too(site: Site) -> None:
    client = site()
    copy = copy_of(client, site)
    assert client.get("/").status_code == copy.get("/").status_code == 200
    client.post("/web/sign-out")
    assert client.get("/").status_code == copy.get("/").status_code == 303


def test_signing_in_again_ends_the_earlier_session_of_the_browser(site: Site) -> None:
    client = site()
    copy = copy_of(client, site)
    client.post("/web/sign-in", data={"key": ADMIN_KEY})
    assert client.get("/").status_code == 200
    assert copy.get("/").status_code == 303


@pytest.mark.parametrize(
    ("use", "status"), [([IDLE - MINUTE] * 3, 200), ([IDLE], 303), ([IDLE - MINUTE] * 43, 303)]
)
def test_a_session_ends_after_eight_hours_without_use_and_after_fourteen_days(
    site: Site,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
    use: list[timedelta],
    status: int,
) -> None:
    client, now = site(), runtime.now()
    for pause in use:
        now += pause
        monkeypatch.setattr(runtime, "now", lambda at=now: at)
        answer = client.get("/web/keys")
    assert answer.status_code == status


def test_an_admin_lists_sessions_and_ends_one(site: Site, runtime: Runtime) -> None:
    key, secret = runtime.keys.create("lost laptop", Role.READ, runtime.now())
    lost, admin = site(secret), site()
    page = admin.get("/web/keys").text
    session = next(s for s in runtime.sessions.all(runtime.now()) if s.key_id == key.key_id)
    end = f"/web/keys/sessions/{session.session_id}/end"
    assert end in page
    assert admin.post(end).status_code == 303
    assert lost.get("/").status_code == 303
    assert admin.get("/").status_code == 200
    assert admin.post(end).status_code == 404


def test_a_key_that_signs_in_very_often_keeps_its_last_sessions(
    site: Site, runtime: Runtime
) -> None:
    key, secret = runtime.keys.create("a script", Role.READ, runtime.now())
    first = site(secret)
    for _ in range(MAX_PER_KEY):
        last = site(secret)
    own = [s for s in runtime.sessions.all(runtime.now()) if s.key_id == key.key_id]
    assert len(own) == MAX_PER_KEY
    assert (first.get("/").status_code, last.get("/").status_code) == (303, 200)


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://testserver"}, False),
        ({"origin": "http://testserver"}, True),
        ({"origin": "http://testserver.evil.example"}, False),
        ({"origin": "https://testserver"}, False),
        ({"origin": "https://testserver", "x-forwarded-proto": "http"}, False),
        ({"origin": "http://testserver:8080"}, False),
        ({"origin": "http://public.example", "x-forwarded-host": "public.example"}, True),
        ({"origin": "http://public.example", "x-forwarded-host": "public.example, in"}, True),
        ({"origin": "null"}, False),
        ({"origin": "http://["}, False),
        ({}, False),
    ],
)
def test_a_change_must_come_from_our_own_pages(
    site: Site, runtime: Runtime, headers: dict[str, str], is_ours: bool
) -> None:
    client = site()
    del client.headers["sec-fetch-site"]
    before = len(runtime.keys.all())
    answer = client.post("/web/keys", data={"name": "n", "role": "read"}, headers=headers)
    assert (answer.status_code == 200) is is_ours
    assert len(runtime.keys.all()) - before == is_ours


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\n/x"],
)
def test_signing_in_redirects_to_local_paths_only(
    site: Site, keys: dict[str, str], target: str
) -> None:
    answer = site(None).post("/web/sign-in", data={"key": keys["read"], "next": target})
    assert answer.headers["location"] == "/"


def test_every_page_forbids_inline_and_foreign_scripts_and_styles(site: Site) -> None:
    for path in ("/", "/web/sign-in", "/web/metrics", "/web/metrics/new", "/web/keys"):
        answer = site().get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "style-src 'self';" in policy
        assert "unsafe" not in policy
        assert "<style" not in answer.text
        assert " style=" not in answer.text
        assert "<script>" not in answer.text
        assert " on" + "click=" not in answer.text


def test_an_unknown_address_is_a_page_for_browsers_and_a_problem_for_programs(site: Site) -> None:
    client = site()
    page = client.get("/web/nowhere", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "There is no such page" in page.text
    program = client.get("/api/nowhere", headers={"accept": "*/*"})
    assert program.headers["content-type"] == "application/problem+json"
    for path in (f"/web/metrics/{uuid4()}", "/web/metrics?page=x", "/web/static/../app.py"):
        answer = client.get(path)
        assert answer.status_code in (404, 422)


def test_pages_and_the_api_do_not_interfere(site: Site) -> None:
    client = site()
    assert client.get("/docs").status_code == 200
    assert client.get("/metrics").status_code == 401
    assert "/web/metrics" not in client.get("/openapi.json").text
    assert client.get("/api/interaction-metrics").status_code == 401, "a session is no key"


def test_an_unexpected_error_is_a_page(
    site: Site, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = site()

    def fail() -> int:
        raise RuntimeError("a bug")

    monkeypatch.setattr(runtime.engine, "rows", fail)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "An unexpected error occurred; the server log has the details" in answer.text
    assert "a bug" not in answer.text
