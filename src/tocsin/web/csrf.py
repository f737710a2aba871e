"""Detects requests that change something and do not come from our own pages.

Browsers send a cookie with every request to its host, so a page of another site could make a
browser change things here. Browsers send the source of a request in Sec-Fetch-Site or, where that
is missing (over plain http to another machine), in Origin.
"""

from __future__ import annotations

from fastapi import Request

from tocsin.api.headers import header

_SAFE_METHODS = ("GET", "HEAD")


def is_foreign(request: Request) -> bool:
    """Whether a request changes something and comes from another site."""
    return request.method not in _SAFE_METHODS and not _is_same_origin(request)


def _is_same_origin(request: Request) -> bool:
    site = header(request, "sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host = _first(request, "x-forwarded-host") or header(request, "host")
    scheme = "https" if is_encrypted(request) else "http"
    # Compared as text, so that an invalid Origin never matches.
    return bool(host) and header(request, "origin") == f"{scheme}://{host}"


def is_encrypted(request: Request) -> bool:
    """Whether the browser uses TLS, which a proxy may terminate.

    A client that forges the proxy's header only affects its own session.
    """
    return "https" in (request.url.scheme, _first(request, "x-forwarded-proto").lower())


def _first(request: Request, name: str) -> str:
    """The first value of a list that proxies append to, which is that of the browser."""
    return (header(request, name) or "").partition(",")[0].strip()
