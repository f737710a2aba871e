"""Does a request that changes something come from our own pages?

A cookie goes along with a request whoever made it, so a page elsewhere could have a browser
change things here. Browsers say where a request comes from: in Sec-Fetch-Site and, where that is
missing (it is not sent over plain http to a machine in the network), in Origin.
"""

from __future__ import annotations

from fastapi import Request

from tocsin.api.headers import header

_HARMLESS = ("GET", "HEAD")


def is_foreign(request: Request) -> bool:
    """Whether a request changes something and comes from elsewhere."""
    return request.method not in _HARMLESS and not _is_ours(request)


def _is_ours(request: Request) -> bool:
    site = header(request, "sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host = _first(request, "x-forwarded-host") or header(request, "host")
    scheme = "https" if is_encrypted(request) else "http"
    # Compared as text: what is no URL is not ours either.
    return bool(host) and header(request, "origin") == f"{scheme}://{host}"


def is_encrypted(request: Request) -> bool:
    """Whether the browser uses TLS, also where a proxy in front of the server ends it. A client
    that sends the proxy's header itself only harms itself."""
    return "https" in (request.url.scheme, _first(request, "x-forwarded-proto").lower())


def _first(request: Request, name: str) -> str:
    """The first of the values that proxies added to, which is that of the browser."""
    return (header(request, name) or "").partition(",")[0].strip()
