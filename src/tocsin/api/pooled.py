"""Handlers that run on a pool of their own instead of the framework's threads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, Literal, ParamSpec, TypeVar

from tocsin.process.pools import Pool

P = ParamSpec("P")
T = TypeVar("T")
PoolName = Literal["questions", "searches", "exports", "readiness"]


def pooled(pool: Pool | PoolName) -> Callable[[Callable[P, T]], Callable[P, Awaitable[T]]]:
    """Run a handler on a pool, or on the pool of that name of its argument `runtime`.

    The decorator goes below the route, so that the framework still reads the handler's signature.
    """

    def decorate(handler: Callable[P, T]) -> Callable[P, Awaitable[T]]:
        @wraps(handler)
        async def respond(*args: P.args, **kwargs: P.kwargs) -> T:
            threads = pool if isinstance(pool, Pool) else _pool_of(kwargs["runtime"], pool)
            return await threads.run(partial(handler, *args, **kwargs))

        return respond

    return decorate


def _pool_of(runtime: Any, name: PoolName) -> Pool:
    pool: Pool = getattr(runtime.pools, name)
    return pool
