"""A client of Tocsin: records interactions in the background, each exactly once.

    from tocsin_client import Client

    tocsin = Client("http://127.0.0.1:8420", key, origin="WEB")
    tocsin.record("CUSTOMER", "42", "LOGIN_FAILED", {"country": "ZA"})

`Client` sends from a thread, `AsyncClient` from a task of the event loop. The modules `asgi`,
`wsgi` and `django` have middleware.
"""

from tocsin_client._async_client import AsyncClient
from tocsin_client._client import Client
from tocsin_client._metrics import Row, TocsinError
from tocsin_client._outbox import Stats
from tocsin_client._rejection import FieldError, Rejection
from tocsin_client._requests import Exchange
from tocsin_client._version import __version__

__all__ = [
    "AsyncClient",
    "Client",
    "Exchange",
    "FieldError",
    "Rejection",
    "Row",
    "Stats",
    "TocsinError",
    "__version__",
]
