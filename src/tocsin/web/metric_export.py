"""Formats the definition of a metric: for a form, as YAML, as a curl command."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tocsin.api.metrics import PATH
from tocsin.api.schemas.metrics import MetricResponse
from tocsin.api.schemas.shape import to_json
from tocsin.errors import InvalidInput
from tocsin.model.metrics.draft import MetricDraft, read_metric
from tocsin.model.metrics.metric import Metric, Question
from tocsin.runtime import Runtime
from tocsin.web.forms import Form

MEMBERS = (
    *("name", "description", "metricType", "resourceType", "action", "origin"),
    *("field", "filters", "timeWindow", "groupBy"),
)
_TEXTS = tuple(member for member in MEMBERS if member not in ("field", "filters", "groupBy"))


def definition_of(runtime: Runtime, metric: Metric) -> dict[str, Any]:
    """The definition of a metric as the API takes it, with mnemonics and without empty members."""
    members = to_json(MetricResponse.of(metric, runtime.catalog))
    plain = {member: members[member] for member in MEMBERS if members[member] not in (None, [])}
    return plain if metric.enabled else {**plain, "enabled": False}


def definition_in(form: Form) -> dict[str, Any]:
    """The definition in a form, which may be invalid."""
    return {
        **form.members(*_TEXTS),
        **({"field": field} if (field := form.field("field")) else {}),
        "filters": form.filters(),
        "groupBy": form.fields("groupBy"),
        "enabled": form.has("enabled"),
    }


def read_form(
    runtime: Runtime, form: Form, *, name_required: bool = True
) -> tuple[MetricDraft, Question]:
    """The metric of a form; raises InvalidInput with all problems."""
    problems = form.filter_problems()
    try:
        draft, question = read_metric(
            definition_in(form), runtime.catalog, name_required=name_required
        )
    except InvalidInput as error:
        raise InvalidInput(problems=[*error.problems, *problems]) from error
    if problems:
        raise InvalidInput(problems=problems)
    return draft, question


class _Dumper(yaml.SafeDumper):
    """Quotes all but simple texts: for PyYAML `1e3` is a text, for YAML 1.2 a number, and other
    styles fold line ends."""


def _write_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if text[:1].isalpha() and text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _write_text)


def as_yaml(definition: dict[str, Any]) -> str:
    """The file that `tocsin metrics apply` reads."""
    return yaml.dump([definition], Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def as_curl(definition: dict[str, Any], url: str) -> str:
    """A command that creates the same metric, with the key in TOCSIN_API_KEY."""
    body = json.dumps(definition, ensure_ascii=False, indent=2).replace("'", "'\\''")
    return f"curl {url}{PATH} -H \"x-api-key: $TOCSIN_API_KEY\" -d '{body}'"
