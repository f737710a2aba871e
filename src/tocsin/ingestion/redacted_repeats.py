"""Recognizes repeats of interactions that were recorded before their fields were redacted.

A repeat is compared after redaction. If fields of its resource type have been redacted since, the
original is redacted for the comparison, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tocsin.clickhouse.engine import Engine
from tocsin.ingestion.duplicates import differs_in_payload_only
from tocsin.ingestion.outcomes import Outcome, Outcomes
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.recorded import Recorded

_READ_TOGETHER = 32
"""Payloads that are read by one query; each may have a megabyte."""


def without_conflicts_of_redaction(
    engine: Engine,
    interactions: Sequence[Interaction],
    outcomes: Outcomes,
    recorded: Mapping[bytes, Recorded],
) -> Outcomes:
    """The outcomes, in which a conflict is a duplicate if the original is equal
    after redaction."""
    doubtful = [
        index
        for index, outcome in enumerate(outcomes)
        if outcome is Outcome.CONFLICT and _may_be_repeat(interactions[index], recorded)
    ]
    for start in range(0, len(doubtful), _READ_TOGETHER):
        indexes = doubtful[start : start + _READ_TOGETHER]
        payloads = engine.recorded_payloads([interactions[i].interaction_id for i in indexes])
        for index in indexes:
            sent = interactions[index]
            original = payloads.get(sent.interaction_id)
            if original is not None and _is_equal_after_redaction(sent, original):
                sent.interaction_number = recorded[sent.interaction_id].interaction_number
                outcomes[index] = Outcome.DUPLICATE
    return outcomes


def _may_be_repeat(sent: Interaction, recorded: Mapping[bytes, Recorded]) -> bool:
    if sent.redactor is None:
        return False
    original = recorded.get(sent.interaction_id)
    return original is not None and differs_in_payload_only(sent, original)


def _is_equal_after_redaction(sent: Interaction, original: bytes) -> bool:
    assert sent.redactor
    return sent.redactor.redact(original, keeps_replaced=True) == sent.payload
