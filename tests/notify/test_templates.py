"""Templates say what they were written to say, and can do nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tocsin.errors import InvalidInput
from tocsin.model.subscription import Template
from tocsin.senders.templates import TemplateFailed, Templates

INTERACTION = {"resourceId": "42", "action": "LEFT", "interaction": {"user": {"plan": "pro"}}}


@pytest.fixture(scope="module")
def templates() -> Iterator[Templates]:
    made = Templates()
    yield made
    made.close()


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
    assert templates._rendered(template, INTERACTION, 300) == text


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
def test_a_template_that_would_take_too_much_or_too_far_fails_by_itself(
    templates: Templates, template: str, reason: str
) -> None:
    started = time.monotonic()
    with pytest.raises(TemplateFailed, match=reason):
        templates._rendered(template, INTERACTION, 300)
    assert time.monotonic() - started < 30
    assert templates._rendered("{{ resourceId }}", INTERACTION, 300) == "42"


def test_what_is_no_template_is_refused_with_all_its_reasons(templates: Templates) -> None:
    with pytest.raises(InvalidInput) as refused:
        templates.check(Template(title="{% if %}", body="{{ resourceId|nofilter }}"))
    problems = {problem.field: problem.message for problem in refused.value.problems}
    assert "line 1" in problems["template.title"]
    assert "nofilter" in problems["template.body"]
    templates.check(Template(title="{{ interaction.missing / 2 }}"))
