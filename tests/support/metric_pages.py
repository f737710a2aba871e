"""Posts the form of a metric, and reads the page that answers it."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi.testclient import TestClient

FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}


def posted(client: TestClient, page: str, form: Mapping[str, str]) -> str:
    """The page after the form was posted, that of the metric if it was saved."""
    answer = client.post(page, content=urlencode(form), headers=FORM_TYPE)
    if answer.status_code == 303:
        answer = client.get(answer.headers["location"])
    return html.unescape(answer.text)


def problems(page: str) -> list[str]:
    return re.findall(r'class="problem"[^>]*>([^<]+)', page)
