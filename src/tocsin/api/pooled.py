"""Handlers that run on a pool of their own instead of the framework's threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial, wraps
from typing import Any, Literal, ParamSpec, TypeVar

from tocsin.process.pools import Pool
from tocsin.runtime import Runtime

P = ParamSpec("P")
T = TypeVar("T")
PoolName = Literal["questions", "searches", "exports", "readiness", "pages"]


def _runtime_of(arguments: dict[str, Any]) -> Runtime:
    runtime: Runtime = arguments["runtime"]
    return runtime


def pooled(
    pool: PoolName, runtime_of: Callable[[dict[str, Any]], Runtime] = _runtime_of
) -> Callable[[Callable[P, T]], Callable[P, Awaitable[T]]]:
    """Run a handler on the pool of that name of the runtime in its arguments.

    The decorator goes below the route, so that the framework still reads the handler's signature.
    """

    def decorate(handler: Callable[P, T]) -> Callable[P, Awaitable[T]]:
        @wraps(handler)
        async def respond(*args: P.args, **kwargs: P.kwargs) -> T:
            pools = runtime_of(kwargs).pools
            return await getattr(pools, pool).run(partial(handler, *args, **kwargs))  # type: ignore[no-any-return]

        return respond

    return decorate


async def chunks_on_threads(pool: Pool, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks; a thread of the pool computes each one."""
    while (chunk := await pool.run(partial(next, chunks, None))) is not None:
        yield chunk
