"""Templates render the members of an interaction, and the sandbox limits everything else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest

from support.databases import open_database
from tocsin.errors import InvalidInput
from tocsin.model.notifications.delivery import Delivery, DeliveryStatus
from tocsin.model.notifications.subscription import Template
from tocsin.notifications.templates.rendering import MessageRenderer
from tocsin.notifications.templates.templates import TemplateFailed, Templates
from tocsin.store.channels import Channels
from tocsin.store.subscriptions import Subscriptions

INTERACTION = {"resourceId": "42", "action": "LEFT", "interaction": {"user": {"plan": "pro"}}}


@pytest.fixture(scope="module")
def templates() -> Iterator[Templates]:
    started = Templates()
    yield started
    started.close()


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ resourceId }} {{ action|lower }}", "42 left"),
        ("{{ interaction.user.plan }}", "pro"),
        ("{{ interaction.missing.deeper }}!", "!"),
        ("{% if interaction.user.plan == 'pro' %}yes{% else %}no{% endif %}", "yes"),
        ("{% for key in interaction %}{{ key }} {% endfor %}", "user "),
        ("{{ '<b>' }}", "<b>"),
        ("{{ 'x' * 400 }}", "x" * 299 + "…"),
    ],
)
def test_a_template_is_rendered_over_the_interaction(
    templates: Templates, template: str, text: str
) -> None:
    assert templates.render_text(template, INTERACTION, 300) == text


CLASHING: dict[str, Any] = {
    "resourceType": "CUSTOMER",
    "resourceId": "42",
    "action": "LEFT",
    "origin": "WEB",
    "timestamp": "2026-03-20T14:30:00.000Z",
    "interaction": {
        "items": [{"keys": "k", "values": 5, "user": {"get": "g"}}, {"user": None}],
        "copy": {"pop": {"clear": "c"}},
        "note": "abc",
        "amount": 5,
        "loop": "L",
        "range": "R",
        "dict": "D",
        "self": "S",
        "resourceId": "inner",
        "prices": {"0": 7},
        "list": [3, 4],
        "none": None,
    },
}


def body(templates: Templates, template: str) -> str:
    """The body of the message that `template` renders from the interaction `CLASHING`."""
    delivery = Delivery(
        delivery_id=uuid4(),
        subscription_id=uuid4(),
        channel_id=uuid4(),
        interaction_id=uuid4(),
        status=DeliveryStatus.PENDING,
        snapshot=json.dumps(CLASHING),
        template=Template(body=template),
        silence_id=None,
        tries=0,
        due=None,
        created_date=datetime.now(UTC),
        finished_date=None,
    )
    with (
        TemporaryDirectory() as folder,
        closing(open_database(Path(folder) / "store.sqlite")) as database,
    ):
        rendering = MessageRenderer(templates, Subscriptions(database, Channels(database)))
        return rendering.render(delivery).body


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ interaction.items[0]['keys'] }}{{ interaction['items'][0].values }}", "k5"),
        ("{{ interaction.copy.pop.clear }}", "c"),
        ("{% for i in interaction.items %}{{ i.keys }},{{ i.user.get }};{% endfor %}", "k,g;,;"),
        ("{{ interaction.items|map(attribute='keys')|join('+') }}", "k+"),
        ("{{ interaction.items|map(attribute='user.get')|join('+') }}", "g+"),
        ("{{ interaction.items|map('attr', 'values')|join('+') }}", "5+"),
        ("{{ interaction.items|selectattr('keys')|list|length }}", "1"),
        ("{{ '{0.items[0].keys}'.format(interaction) }}", "k"),
        ("{{ interaction.loop }}{{ interaction.range }}{{ interaction.dict }}", "LRD"),
        ("{{ interaction.self }}{{ interaction.resourceId }}{{ resourceId }}", "Sinner42"),
        ("{% for n in interaction.list %}{{ loop.index }}{{ action }}{% endfor %}", "1LEFT2LEFT"),
        ("{{ interaction.prices.0 }}{{ interaction.list.0 }}{{ interaction.list[-1] }}", "734"),
    ],
)  # fmt: skip
def test_a_key_takes_precedence_over_methods_and_globals_of_the_same_name(
    templates: Templates, template: str, text: str
) -> None:
    assert body(templates, template) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ interaction.keys }}{{ interaction.values.deeper.still }}",
        "{{ interaction['keys'] }}{{ interaction.copy['items'] }}{{ interaction|attr('keys') }}",
        "{{ interaction.update }}{{ interaction.update.x }}{{ interaction.__class__ }}",
        "{{ interaction.note.title }}{{ interaction.note.format }}{{ interaction.note.x.y }}",
        "{{ interaction.list.count }}{{ interaction.list.9 }}{{ interaction.list.x[0].y }}",
        "{{ interaction.amount.real }}{{ interaction.amount.numerator.x }}",
        "{{ interaction.none.items.x }}{{ interaction.prices.1 }}{{ interaction.x[0]['y'].z }}",
        "{{ interaction.list|map(attribute='count')|join }}{{ action.items }}{{ title.items }}",
        "{% for one in interaction.values %}{{ one }}{% endfor %}",
        "{% for n in interaction.list %}{{ n.real }}{{ loop.items }}{% endfor %}",
        "{{ nothing }}{{ items }}{{ range }}{{ dict }}{{ lipsum }}",
    ],
)
def test_a_missing_key_is_empty_at_any_depth_and_never_a_method(
    templates: Templates, template: str
) -> None:
    assert body(templates, template) == ""


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{% for k, v in interaction.prices.items() %}{{ k }}={{ v }}{% endfor %}", "0=7"),
        ("{% for k, v in interaction.prices|items %}{{ k }}={{ v }}{% endfor %}", "0=7"),
        ("{{ interaction.note.upper() }}{{ '%s'|format(interaction.amount) }}", "ABC5"),
        ("{{ interaction.values is defined }}{{ interaction.values|default('x') }}", "Falsex"),
        ("{% for n in range(2) %}{{ n }}{% endfor %}", "01"),
    ],
)
def test_methods_can_still_be_called(templates: Templates, template: str, text: str) -> None:
    assert body(templates, template) == text


def test_a_surrogate_pair_is_one_character_and_half_of_one_is_refused(
    templates: Templates,
) -> None:
    assert body(templates, r"{{ '\ud83d\ude00' }}") == "😀"
    plain = body(templates, r"{{ '\ud800' }}")
    assert plain.startswith("items: ")
    assert plain.endswith("half of a surrogate pair, which cannot be sent)")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for a in range(9999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "longer"),
        ("{% for a in range(9**9) %}{% endfor %}", "too big"),
        ("{{ 'a' * 10**10 }}", "memory"),
        ("{{ 'a'|center(10**10) }}", "memory"),
        ("{% set n = namespace(x='aa') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}"
         "{% endfor %}", "longer|memory"),
        ("{{ 9**(9**(9**9)) }}", "longer|memory"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{{ interaction.update({}) }}", "unsafe"),
        ("{% include '/etc/passwd' %}", "loader"),
        ("{{ 1 / 0 }}", "division"),
    ],
)  # fmt: skip
def test_a_template_that_exceeds_its_limits_or_leaves_the_sandbox_fails_alone(
    templates: Templates, template: str, reason: str
) -> None:
    started = time.monotonic()
    with pytest.raises(TemplateFailed, match=reason):
        templates.render_text(template, INTERACTION, 300)
    assert time.monotonic() - started < 30
    assert templates.render_text("{{ resourceId }}", INTERACTION, 300) == "42"


def test_an_invalid_template_is_refused_with_every_problem(templates: Templates) -> None:
    with pytest.raises(InvalidInput) as refused:
        templates.check(Template(title="{% if %}", body="{{ resourceId|nofilter }}"))
    problems = {problem.field: problem.message for problem in refused.value.problems}
    assert "line 1" in problems["template.title"]
    assert "nofilter" in problems["template.body"]
    templates.check(Template(title="{{ interaction.missing / 2 }}"))
