"""Does a request that changes something come from our own pages?

A cookie goes along with a request whoever made it, so a page elsewhere could have a browser
change things here. Browsers say where a request comes from: in Sec-Fetch-Site and, where that is
missing (it is not sent over plain http to a machine in the network), in Origin.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request

from tocsin.api.headers import header
from tocsin.errors import Forbidden

_HARMLESS = ("GET", "HEAD")


def refuse_foreign(request: Request) -> None:
    """Raises Forbidden for a request that changes something and comes from elsewhere."""
    if request.method not in _HARMLESS and not _is_ours(request):
        raise Forbidden("This was sent from another site, or by a browser that does not say")


def _is_ours(request: Request) -> bool:
    site = header(request, "sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(header(request, "origin") or "").netloc
    host = header(request, "x-forwarded-host") or header(request, "host")
    return bool(origin) and origin == host
