"""URLs with http and https, and the one of this installation, for links to its pages."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

_EXAMPLE = "https://tocsin.example.com"


def base_url(text: str) -> str:
    """The URL without a slash at its end; the message of ValueError says how to correct it."""
    parts = split_url(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"must be an absolute URL with http or https, such as {_EXAMPLE}")
    if "@" in parts.netloc:
        raise ValueError("must have no user and password in it: messages show it")
    if "?" in text or "#" in text:
        raise ValueError(f"must have no query and no fragment, such as {_EXAMPLE}")
    return text.rstrip("/")


def split_url(text: str) -> SplitResult:
    """The parts of any URL; the message of ValueError continues the name of its member."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is not a URL: {error}") from error
    if not text.isprintable() or " " in text:
        raise ValueError("must have no spaces or control characters in it")
    return parts
