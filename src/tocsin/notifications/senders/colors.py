"""The colours of messages."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.model.notifications.content import Tone

COLORS: Mapping[Tone, str] = {
    Tone.CRITICAL: "#d92d20",
    Tone.WARNING: "#e48700",
    Tone.INFO: "#2a6fdb",
    Tone.RECOVERED: "#23915a",
    Tone.NEUTRAL: "#7a828f",
}
