"""Validates and renders templates in a child process."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from tocsin.errors import InvalidInput, Problem, TocsinError
from tocsin.model.notifications.content import MAX_BODY, MAX_TITLE, Content
from tocsin.model.notifications.default_content import default_content
from tocsin.model.notifications.delivery import Delivery
from tocsin.model.notifications.subscription import Template

PATIENCE_SECONDS = 5.0

_MODULE = "tocsin.notifications.templates.child"


class TemplateFailed(TocsinError):
    """The template cannot be rendered."""


class TemplateTookTooMuch(TemplateFailed):
    """The template takes too much time or memory."""


class Rendered(NamedTuple):
    content: Content
    failure: TemplateFailed | None = None


class Templates:
    """Uses one child process, which starts with the first template."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def close(self) -> None:
        with self._lock:
            self._stop()

    def check(self, template: Template) -> None:
        """Raises InvalidInput if the title or the body cannot be compiled."""
        problems = []
        for name, text in (("title", template.title), ("body", template.body)):
            try:
                self._ask({"template": text or ""})
            except TemplateFailed as error:
                problems.append(Problem(f"template.{name}", f"is no template: {error.detail}"))
        if problems:
            raise InvalidInput(problems=problems)

    def render(self, delivery: Delivery) -> Rendered:
        """The message by its template. A part that fails must not prevent the delivery: it is
        replaced by the default, and the body ends with the reason."""
        interaction, template = delivery.interaction, delivery.template
        content = default_content(interaction)
        try:
            if template.title is not None:
                title = self.render_text(template.title, interaction, MAX_TITLE)
                content = content.with_title(title)
            if template.body is not None:
                body = self.render_text(template.body, interaction, MAX_BODY)
                content = content.with_body(body)
        except TemplateFailed as error:
            return Rendered(content.with_note(f"(The template failed: {error.detail})"), error)
        return Rendered(content)

    def render_text(self, text: str, interaction: dict[str, Any], longest: int) -> str:
        """The template `text` over `interaction`, cut to `longest` characters.

        Raises TemplateFailed.
        """
        return self._ask({"template": text, "interaction": interaction, "longest": longest})

    def _ask(self, request: dict[str, Any]) -> str:
        with self._lock:
            response = self._exchange(json.dumps(request).encode())
        if "excess" in response:
            raise TemplateTookTooMuch(response["excess"])
        if "error" in response:
            raise TemplateFailed(response["error"])
        return response["text"]

    def _exchange(self, request: bytes) -> dict[str, str]:
        connection = self._connection or self._start()
        try:
            connection.send_bytes(request)
            if connection.poll(PATIENCE_SECONDS):
                response: dict[str, str] = json.loads(connection.recv_bytes())
                return response
        except (OSError, EOFError):
            self._stop()
            return {"excess": "takes too much memory"}
        self._stop()
        return {"excess": f"takes longer than {PATIENCE_SECONDS:g} s"}

    def _start(self) -> Connection:
        own, childs = socket.socketpair()
        with childs:
            fd = childs.fileno()
            command = [sys.executable, "-I", "-m", _MODULE, str(fd)]
            nothing = subprocess.DEVNULL
            self._child = subprocess.Popen(
                command, pass_fds=[fd], stdin=nothing, stdout=nothing, stderr=nothing, env={}
            )
        self._connection = Connection(own.detach())
        return self._connection

    def _stop(self) -> None:
        if self._connection:
            self._connection.close()
        if self._child:
            self._child.kill()
            self._child.wait()
        self._connection = self._child = None
