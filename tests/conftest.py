"""Fixtures: a real runtime in a temporary folder, and a real server process."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from support.blocking import never_blocked
from support.databases import SERVER_URL, drop_databases, open_database
from support.delivery_harness import DeliveryHarness
from support.deployments import IS_ON_SERVERS, settings_in
from support.engines import LOCATIONS
from support.serving import ADMIN_KEY, Server
from tocsin.model.key import Role
from tocsin.runtime import Runtime
from tocsin.store import keys as keys_store
from tocsin.store.database import Database

if TYPE_CHECKING:
    from support.browsing import Browser

# They take longest, and run first: otherwise one process works on the last of them alone.
SLOWEST = (
    "differential/test_rollups.py",
    "differential/test_metrics.py",
    "differential/test_widening.py",
    "differential/test_nasty.py",
    "differential/test_promoted.py",
    "differential/test_notation.py",
    "differential/test_backtest.py",
    "differential/test_exact_sums.py",
    "differential/test_ratio.py",
    "differential/test_calendar.py",
    "hostile/test_log_pipes.py",
    "api/test_contract.py",
    "api/test_export.py",
    "e2e/test_paths.py",
    "cli/test_demo_command.py",
    "e2e/test_alerts_crash.py",
    "hostile/test_slow_clients.py",
    "e2e/test_notified_through_crashes.py",
    "e2e/test_deliveries.py",
    "e2e/test_crash.py",
    "e2e/test_full_disk.py",
    "cli/test_import_command.py",
    "cli/test_alerts_command.py",
    "web/test_roundtrip.py",
    "web/test_unchanged.py",
    "storage/test_halves.py",
    "e2e/test_process.py",
)
# As the server sets it: thousands of dictionaries without cycles need rare collections only.
COLLECTION_THRESHOLD = 50_000
NO_BROWSER = "no browser: apt-get install chromium chromium-driver, then these run too"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden", action="store_true", help="write what is answered into tests/golden"
    )
    parser.addoption(
        "--first-seed", type=int, default=0, help="draw other worlds and metrics for the long test"
    )


def pytest_collection() -> None:
    """Modules and tests are many objects and no garbage: no collection while they are loaded."""
    gc.disable()


def pytest_collection_finish() -> None:
    """No collection visits what was loaded, which is nearly all that a test run has in memory."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTION_THRESHOLD)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first; the other tests keep their order."""
    folder = Path(__file__).parent
    places = {folder / name: place for place, name in enumerate(SLOWEST)}
    if missing := [str(path) for path in places if not path.exists()]:
        raise pytest.UsageError(f"SLOWEST names files that do not exist: {missing}")
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for all tests that need a browser where there is none."""
    skipped = terminalreporter.stats.get("skipped", [])
    skipped_count = sum(NO_BROWSER in str(report.longrepr) for report in skipped)
    if skipped_count:
        terminalreporter.write_line(
            f"{skipped_count} tests of the pages were skipped: {NO_BROWSER}"
        )


@pytest.fixture(scope="session", autouse=True)
def _cheap_hash_of_the_given_key() -> Iterator[None]:
    """A runtime in this process hashes its key quickly; servers take their fifth of a second.

    Not on PostgreSQL, where this process stores the hash that a server compares.
    """
    with pytest.MonkeyPatch.context() as patch:
        if not IS_ON_SERVERS:
            patch.setattr(keys_store, "SCRYPT", {"n": 2, "r": 8, "p": 1})
        yield


@pytest.fixture(autouse=True)
def _drop_databases(request: pytest.FixtureRequest) -> Iterator[None]:
    """Drops the databases of a test on the servers; those of a module are dropped after the run."""
    yield
    folder = getattr(request.node, "funcargs", {}).get("tmp_path")
    if folder:
        LOCATIONS.drop(folder)
        if SERVER_URL:
            drop_databases(folder)


def pytest_sessionfinish() -> None:
    LOCATIONS.drop()
    if SERVER_URL:
        drop_databases()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new store of definitions."""
    opened = open_database(tmp_path / "store.sqlite")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """One for each test module: opening the engine takes a second."""
    folder = tmp_path_factory.mktemp("data")
    opened = Runtime(settings_in(folder, admin_key=ADMIN_KEY))
    opened.key_service.adopt(opened.settings.admin_key)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def keys(runtime: Runtime) -> dict[str, str]:
    """A secret for each role."""
    created = {role: runtime.keys.create(f"test {role}", role, runtime.now())[1] for role in Role}
    return {role.value: secret for role, secret in created.items()}


@pytest.fixture(scope="module")
def api(runtime: Runtime) -> Iterator[TestClient]:
    """A client of the whole application, as an admin; nothing may block its event loop."""
    from tocsin.api.app import create_app

    app = create_app(runtime)
    client = TestClient(app, raise_server_exceptions=False, headers={"x-api-key": ADMIN_KEY})
    with never_blocked(), client:
        yield client


@pytest.fixture(scope="module")
def site(runtime: Runtime) -> Callable[[str | None], TestClient]:
    """Makes clients of the pages, signed in with a secret if one is given."""
    from tocsin.api.app import create_app
    from tocsin.web.app import add_pages

    app = create_app(runtime)
    add_pages(app, runtime)

    def client(secret: str | None = ADMIN_KEY) -> TestClient:
        created = TestClient(app, headers={"sec-fetch-site": "same-origin"}, follow_redirects=False)
        if secret is not None:
            answer = created.post("/web/sign-in", data={"key": secret})
            assert answer.status_code == 303, answer.text
        return created

    return client


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Started once: that takes longer than a test."""
    from support.browsing import start_browser

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip(NO_BROWSER)
    browser = start_browser(Path(chromium), Path(driver), tmp_path_factory.mktemp("browser"))
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(one_browser: Browser) -> Browser:
    """A real one, as it is when nobody has signed in yet, at the width of a desk."""
    one_browser.forget()
    one_browser.resize(1280, 900)
    return one_browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server, shared by the tests of a module."""
    started = Server(tmp_path_factory.mktemp("server") / "data")
    started.start()
    yield started
    if started.process and started.process.poll() is None:
        started.stop()


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[DeliveryHarness]:
    """Store, senders and dispatcher, without an engine."""
    opened = DeliveryHarness(tmp_path)
    yield opened
    opened.close()
