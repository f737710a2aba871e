"""Keeps the secrets of a channel that a caller replaces by `***`, as long as its target stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

MASK = "***"
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
"""The default target of PagerDuty; accounts in the EU have https://events.eu.pagerduty.com."""

_PORTS = {"http": 80, "https": 443}


def masked_url(url: str) -> str:
    """The URL with `***` for its path and query, which are a secret for many receivers."""
    parts = urlsplit(url)
    is_bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    return url if is_bare else f"{parts.scheme}://{parts.netloc}/{MASK}"


def is_masked_url(url: str) -> bool:
    return urlsplit(url).path == f"/{MASK}"


def with_kept(sent: Mapping[str, Any], former: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a request, with the former secret for each `***` and for a missing signing
    secret.

    If the URL has another scheme, host or port, each `***` stays, which is rejected later: the new
    target would receive the secrets of the former one.
    """
    if "secret" in former:
        settings = {"secret": MASK, **sent}
    elif "routingKey" in former:
        settings = {"url": PAGERDUTY_URL, **sent}
    else:
        # The URL itself is the secret of every other kind.
        return {name: _kept(value, former.get(name)) for name, value in sent.items()}
    if settings.get("url") == masked_url(former["url"]):
        settings["url"] = former["url"]
    if _target(settings.get("url")) != _target(former["url"]):
        return settings
    return {name: _kept(value, former.get(name)) for name, value in settings.items()}


def _kept(sent: Any, former: Any) -> Any:
    if isinstance(sent, dict) and isinstance(former, dict):
        return {name: _kept(value, former.get(name)) for name, value in sent.items()}
    return former if sent == MASK and isinstance(former, str) else sent


def _target(url: Any) -> tuple[str, str | None, int | None] | None:
    """Scheme, host and port; None for an invalid URL."""
    try:
        parts: SplitResult = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except (AttributeError, TypeError, ValueError):
        return None
