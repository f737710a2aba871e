"""Renders the title and body of messages, and disables a template that exceeds the limits.

The payload decides how long a template takes, and its sender is not trusted. A template that
exceeds the limits three times in a row is not used until its subscription is replaced.
"""

from __future__ import annotations

from uuid import UUID

import structlog

from tocsin.model.notifications.content import Content
from tocsin.model.notifications.default_content import default_content
from tocsin.model.notifications.delivery import Delivery
from tocsin.model.notifications.subscription import Template
from tocsin.notifications.templates.templates import Templates, TemplateTookTooMuch
from tocsin.store.subscriptions import Subscriptions

log = structlog.get_logger()

MAX_EXCESSES = 3


class MessageRenderer:
    def __init__(self, templates: Templates, subscriptions: Subscriptions) -> None:
        self._templates = templates
        self._subscriptions = subscriptions
        self._excesses: dict[tuple[UUID, Template], int] = {}
        # Problems of templates that only deliveries have: their subscription was replaced.
        self._former: dict[tuple[UUID, Template], str] = {}

    def plain(self, delivery: Delivery) -> Content | None:
        """The message if no template has to be rendered for it, else None; does not block."""
        if not delivery.has_template:
            return _plain(delivery)
        problem = self._problem(delivery)
        return _plain(delivery, f"The template was set aside: {problem}") if problem else None

    def render(self, delivery: Delivery) -> Content:
        """The message by its template; blocks for seconds at most."""
        if plain := self.plain(delivery):
            return plain
        content, failure = self._templates.render(delivery)
        if isinstance(failure, TemplateTookTooMuch):
            self._note(delivery, failure.detail)
        else:
            self._excesses.pop((delivery.subscription_id, delivery.template), None)
        return content

    def _problem(self, delivery: Delivery) -> str | None:
        subscription = self._subscriptions.find(delivery.subscription_id)
        if subscription and subscription.template == delivery.template:
            return subscription.template_problem
        return self._former.get((delivery.subscription_id, delivery.template))

    def _note(self, delivery: Delivery, problem: str) -> None:
        id, template = used = delivery.subscription_id, delivery.template
        self._excesses[used] = self._excesses.get(used, 0) + 1
        if self._excesses[used] < MAX_EXCESSES:
            return
        del self._excesses[used]
        if not self._subscriptions.set_template_aside(id, template, problem):
            self._former[used] = problem
        log.warning("template set aside", subscription=str(id), problem=problem)


def _plain(delivery: Delivery, note: str | None = None) -> Content:
    content = default_content(delivery.interaction)
    return content.with_note(f"({note})") if note else content
