"""Handlers that run on a pool of their own instead of the framework's threads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from tocsin.process.pools import Pool

P = ParamSpec("P")
T = TypeVar("T")


def pooled(pool: Pool) -> Callable[[Callable[P, T]], Callable[P, Awaitable[T]]]:
    """Decorates a handler below its route: the framework still reads its signature."""

    def decorate(handler: Callable[P, T]) -> Callable[P, Awaitable[T]]:
        @wraps(handler)
        async def answer(*args: P.args, **kwargs: P.kwargs) -> T:
            return await pool.run(partial(handler, *args, **kwargs))

        return answer

    return decorate
