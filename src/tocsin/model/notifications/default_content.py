"""The message of an interaction where there is no template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tocsin.model.notifications import dropped
from tocsin.model.notifications.bundle_content import bundle_content, read_bundle
from tocsin.model.notifications.content import (
    MAX_BODY,
    MAX_TITLE,
    Content,
    Fact,
    Section,
    encodable,
    shortened,
)
from tocsin.model.notifications.spelling import spell_any, spell_instant
from tocsin.model.notifications.transition_content import read_transition, transition_content

_LONGEST_VALUE = 200


def default_content(interaction: Mapping[str, Any]) -> Content:
    """A transition as `transition_content`, a bundle as `bundle_content`; any other interaction as
    `CUSTOMER 42: LEFT` with a fact for each key of its payload."""
    if transition := read_transition(interaction):
        content = transition_content(transition)
    elif bundle := read_bundle(interaction):
        content = bundle_content(bundle)
    elif dropped.is_of_flood(interaction):
        payload = interaction["interaction"]
        text = "\n".join([*dropped.lines_of(payload), interaction["timestamp"]])
        content = Content(dropped.title_of(payload), sections=(Section(text=text),))
    else:
        content = _plain(interaction)
    return content.with_title(shortened(content.title, MAX_TITLE))


def _plain(interaction: Mapping[str, Any]) -> Content:
    title = f"{interaction['resourceType']} {interaction['resourceId']}: {interaction['action']}"
    facts = tuple(_facts(interaction["interaction"]))
    recorded = Fact("Recorded", spell_instant(interaction["timestamp"]))
    return Content(encodable(title), sections=(Section(facts=(*facts, recorded)),))


def _facts(payload: Mapping[str, Any]) -> Iterator[Fact]:
    """The keys of a payload, as far as they fit into a message."""
    room = MAX_BODY
    for name, value in payload.items():
        fact = Fact(
            shortened(encodable(name), _LONGEST_VALUE), shortened(spell_any(value), _LONGEST_VALUE)
        )
        room -= len(fact.name) + len(fact.text)
        if room < 0:
            return
        yield fact
