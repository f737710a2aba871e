"""The fields of a form with the grouping of a subscription."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.model.notifications.grouping import ALERT, NONE
from tocsin.web.forms import Form
from tocsin.web.quoting import quoted, unquoted

KEYS = "keys"
MODES = {
    NONE: "each transition alone",
    ALERT: "bundles by alert",
    KEYS: "bundles by the labels and dimensions below",
}
_TEXTS = ("groupWait", "repeatEvery")


def grouping_in(form: Form) -> dict[str, Any]:
    """The members of a grouping, which may be invalid. Without groups the others do not count, so
    that choosing that is enough."""
    mode = form.text("groupMode") or NONE
    if mode == NONE:
        return {}
    keys = [unquoted(line) for line in form.lines("groupKeys")]
    return {
        "groupBy": keys if mode == KEYS else mode,
        **form.members(*_TEXTS),
        "immediately": form.checked("immediately"),
    }


def grouping_fields(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the fields for a subscription as the API has it."""
    by = spec.get("groupBy") or NONE if spec.get("groupBy") != [] else []
    is_list = isinstance(by, list)
    return {
        "modes": MODES,
        "mode": KEYS if is_list else by,
        "keys": "\n".join(quoted(key) for key in by) if is_list else "",
        "immediately": spec.get("immediately") or [],
        **{name: spec.get(name) for name in _TEXTS},
    }


def grouping_sentence(spec: Mapping[str, Any]) -> str | None:
    """`bundled by alert for 30s, repeated every 4h, critical immediately`; None without."""
    by = spec["groupBy"]
    if by == NONE:
        return None
    names = by if isinstance(by, str) else ", ".join(by) or "nothing: all in one bundle"
    parts = [f"bundled by {names} for {spec['groupWait']}"]
    if spec["repeatEvery"]:
        parts.append(f"repeated every {spec['repeatEvery']}")
    if spec["immediately"]:
        parts.append(f"{', '.join(spec['immediately'])} immediately")
    return "; ".join(parts)
