"""The child process that renders templates, one after the other.

The sandbox of Jinja limits what a template can reach, but neither its time nor its memory, and it
calculates constants while it compiles. So both compiling and rendering happen here, within limits.
A template that takes too long is interrupted; the parent kills a process that cannot be.
"""

from __future__ import annotations

import json
import signal
import sys
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

import jinja2

from tocsin.notifications.senders.sandbox import confine
from tocsin.notifications.templates.environment import TemplateEnvironment

MEMORY = 512 * 1024 * 1024
CPU_SECONDS = 1.0

_environment = TemplateEnvironment()


class _TooSlow(Exception):
    pass


def main() -> None:
    connection = Connection(int(sys.argv[1]))
    _environment.from_string("{% for a in b|sort %}{{ a|title }}{% endfor %}").render()
    confine(memory=MEMORY, may_connect=False)
    signal.signal(signal.SIGPROF, _interrupt)
    # Control-C reaches every process of a terminal; this one ends with its connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        connection.send_bytes(json.dumps(_response(request)).encode())


def _response(request: dict[str, Any]) -> dict[str, str]:
    """`text`, or `error` for a template with an error, or `excess` for one past a limit."""
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        template = _compiled(request["template"])
        if "interaction" not in request:
            return {"text": ""}
        return {"text": _rendered(template, request["interaction"], request["longest"])}
    except jinja2.TemplateSyntaxError as error:
        return {"error": f"line {error.lineno}: {error.message}"}
    except _TooSlow:
        return {"excess": f"takes longer than {CPU_SECONDS:g} s"}
    except MemoryError:
        return {"excess": "takes too much memory"}
    except Exception as error:
        reason = str(error)[:500] or type(error).__name__
        return {"error": reason.encode(errors="backslashreplace").decode()}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


@lru_cache(maxsize=256)
def _compiled(text: str) -> jinja2.Template:
    return _environment.from_string(text)


def _rendered(template: jinja2.Template, interaction: dict[str, Any], longest: int) -> str:
    text = ""
    for part in template.generate(interaction):
        text += part
        if len(text) > longest:
            break
    text = _encodable(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _encodable(text: str) -> str:
    """Joins surrogate pairs, which Jinja reads from `'\\ud83d\\ude00'` as two characters; raises
    ValueError for half of one, which no sender could encode."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise ValueError("writes half of a surrogate pair, which cannot be sent") from None


def _interrupt(_number: int, _frame: Any) -> None:
    raise _TooSlow


if __name__ == "__main__":
    main()
