"""Formats the definition of a metric: for a form, as YAML, as a curl command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.api.metrics import PATH
from tocsin.api.schemas.metrics import MetricResponse
from tocsin.api.schemas.shape import to_json
from tocsin.errors import InvalidInput, Problem
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.comparison import Change
from tocsin.model.metrics.draft import MetricDraft, read_metric
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import SIDES, Question
from tocsin.model.metrics.rules import RATIO_MEMBERS
from tocsin.model.metrics.time_window import is_calendar
from tocsin.model.yaml_text import write_yaml
from tocsin.runtime import Runtime
from tocsin.web.forms import Form

_SCOPE = ("resourceType", "action", "origin")
MEASURE = ("metricType", *_SCOPE, "field", "filters")
MEMBERS = (
    *("name", "description", *MEASURE, "timeWindow", "timezone", "rateUnit", "unit", "groupBy"),
    "percentile",
    *RATIO_MEMBERS,
    "compare",
)
_TEXTS = ("name", "description", "metricType", *_SCOPE, "timeWindow", "unit")


def definition_of(runtime: Runtime, metric: Metric) -> dict[str, Any]:
    """The definition of a metric as the API takes it, with mnemonics and without empty members."""
    plain = _given(to_json(MetricResponse.of(metric, runtime.catalog)), MEMBERS)
    for side in SIDES:
        if side in plain:
            plain[side] = _given(plain[side], MEASURE)
    if plain.get("scale") == 1:
        del plain["scale"]
    exposed = {"expose": True} if metric.expose else {}
    return plain | exposed if metric.enabled else {**plain, "enabled": False, **exposed}


def _given(members: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: members[name] for name in names if members.get(name) not in (None, [])}


def definition_in(form: Form) -> dict[str, Any]:
    """The definition in a form, which may be invalid."""
    return {
        **form.members(*_TEXTS),
        **_zone_in(form),
        **({"field": field} if (field := _field_in(form)) else {}),
        "filters": form.filters(),
        "groupBy": form.fields("groupBy"),
        "enabled": form.has("enabled"),
        **({"expose": True} if form.has("expose") else {}),
        **(form.members("rateUnit") if form.text("metricType") == Aggregation.RATE else {}),
        **_percentile_in(form),
        **(_ratio_in(form) if form.text("metricType") == Aggregation.RATIO else {}),
        **_comparison_in(form),
    }


def _zone_in(form: Form) -> dict[str, Any]:
    """The time zone, which stays in the form, unused, while a sliding window is chosen."""
    return form.members("timezone") if is_calendar(form.text("timeWindow")) else {}


def _field_in(form: Form) -> str | None:
    """The measured field; each side of a RATIO has its own."""
    return form.field("field") if form.text("metricType") != Aggregation.RATIO else None


def _percentile_in(form: Form) -> dict[str, Any]:
    is_percentile = form.text("metricType") == Aggregation.PERCENTILE
    return form.number("percentile") if is_percentile else {}


def _ratio_in(form: Form) -> dict[str, Any]:
    """The members of a RATIO. They stay in the form, unused, while another aggregation is
    chosen."""
    sides = {side: _side_in(form, f"{side}.") for side in SIDES}
    return {**sides, **form.number("scale"), **form.number("minimumDenominator")}


def _comparison_in(form: Form) -> dict[str, Any]:
    """The comparison. Its other members stay in the form, unused, while none is chosen."""
    change = form.text("compare.as")
    if change is None:
        return {}
    compare = {"as": change, **_renamed(form.members("compare.offset"))}
    # Only percentages and factors have a minimum.
    least = form.number("compare.minimumBase") if change != Change.DIFFERENCE else {}
    return {"compare": {**compare, **_renamed(least)}}


def _renamed(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("compare."): value for name, value in members.items()}


def _side_in(form: Form, prefix: str) -> dict[str, Any]:
    texts = {name: form.text(f"{prefix}{name}") for name in ("metricType", *_SCOPE)}
    field = form.field(f"{prefix}field")
    takes_field = texts["metricType"] != Aggregation.COUNT
    return {
        **{name: text for name, text in texts.items() if text is not None},
        **({"field": field} if field and takes_field else {}),
        "filters": form.filters(prefix),
    }


def _filter_problems(form: Form) -> list[Problem]:
    is_ratio = form.text("metricType") == Aggregation.RATIO
    prefixes = ("", *(f"{side}." for side in SIDES)) if is_ratio else ("",)
    return [problem for prefix in prefixes for problem in form.filter_problems(prefix)]


def read_form(
    runtime: Runtime, form: Form, *, name_required: bool = True
) -> tuple[MetricDraft, Question]:
    """The metric of a form; raises InvalidInput with all problems."""
    problems = _filter_problems(form)
    try:
        draft, question = read_metric(
            definition_in(form), runtime.catalog, name_required=name_required
        )
    except InvalidInput as error:
        raise InvalidInput(problems=[*error.problems, *problems]) from error
    if problems:
        raise InvalidInput(problems=problems)
    return draft, question


def as_yaml(definition: dict[str, Any]) -> str:
    """The file that `tocsin metrics apply` reads."""
    return write_yaml([definition])


def as_curl(definition: dict[str, Any], url: str) -> str:
    """A command that creates the same metric, with the key in TOCSIN_API_KEY."""
    body = json.dumps(definition, ensure_ascii=False, indent=2).replace("'", "'\\''")
    return f"curl {url}{PATH} -H \"x-api-key: $TOCSIN_API_KEY\" -d '{body}'"
