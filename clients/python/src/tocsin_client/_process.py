"""Closes clients at the exit of the process, and resets them in the child of a fork."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from weakref import WeakMethod

Method = Callable[[], None]
_at_exit: list[WeakMethod[Method]] = []
_after_fork: list[WeakMethod[Method]] = []
_finalized_processes: set[int] = set()


def watch(close: Method, reset: Method) -> None:
    """Call the method `close` at the exit of the process, and `reset` in the child of a fork, if
    their object still exists. A running thread keeps its client alive."""
    for methods, method in ((_at_exit, close), (_after_fork, reset)):
        methods[:] = [*(known for known in methods if known()), WeakMethod(method)]


def close_at_exit_of_child() -> None:
    """Register the exit of a child of `multiprocessing`, which does not run `atexit`."""
    process = sys.modules.get("multiprocessing.process")
    if not process or not process.parent_process() or os.getpid() in _finalized_processes:
        return
    from multiprocessing.util import Finalize

    _finalized_processes.add(os.getpid())
    Finalize(None, _call_all, (_at_exit,), exitpriority=0)


def _call_all(methods: list[WeakMethod[Method]]) -> None:
    for reference in list(methods):
        if method := reference():
            method()


atexit.register(_call_all, _at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _call_all(_after_fork))
