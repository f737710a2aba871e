"""The process that renders templates, one after the other, and may do nothing else.

Jinja's sandbox keeps a template from reaching what it should not, but not from taking all time
and memory there is; and it calculates constants while it compiles. So both happen here, within
limits: what takes too long is interrupted, and what cannot be is killed by whoever waits.
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
    # Control and C reaches everybody on a terminal; the end of the connection is what ends this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            asked = json.loads(connection.recv_bytes())
        except EOFError:
            return
        connection.send_bytes(json.dumps(_answer(asked)).encode())


def _answer(asked: dict[str, Any]) -> dict[str, str]:
    """The text, or what is wrong with the template, or what it takes too much of."""
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        template = _compiled(asked["template"])
        if "interaction" not in asked:
            return {"text": ""}
        return {"text": _rendered(template, asked["interaction"], asked["longest"])}
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
    for piece in template.generate(interaction):
        text += piece
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
