"""A value is computed once for all viewers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tocsin.web.shared_cache import SharedCache

AN_HOUR = 3_600.0


def test_a_value_is_computed_once_for_concurrent_viewers() -> None:
    keys: list[str] = []
    together = threading.Barrier(16)

    def compute(key: str) -> str:
        keys.append(key)
        return key.upper()

    cache = SharedCache(compute, AN_HOUR)

    def view(_: int) -> str:
        together.wait()
        return cache.get("a")

    with ThreadPoolExecutor(16) as viewers:
        assert set(viewers.map(view, range(16))) == {"A"}
    assert keys == ["a"]


def test_a_viewer_with_an_expired_value_does_not_wait_for_the_new_one() -> None:
    may_answer, has_begun = threading.Event(), threading.Event()
    may_answer.set()
    answers = iter(("old", "new"))

    def compute(_: None) -> str:
        has_begun.set()
        assert may_answer.wait(20)
        return next(answers)

    cache: SharedCache[None, str] = SharedCache(compute, 0.0)
    assert cache.get(None) == "old"
    may_answer.clear()
    has_begun.clear()
    with ThreadPoolExecutor(1) as viewers:
        # It is kept for ten times as long as it took, so it expires soon.
        renewal = viewers.submit(lambda: _get_until(cache, "new"))
        assert has_begun.wait(20)
        assert cache.get(None) == "old"
        may_answer.set()
        assert renewal.result(20) == "new"


def _get_until(cache: SharedCache[None, str], expected: str) -> str:
    while (value := cache.get(None)) != expected:
        pass
    return value


def test_a_failure_is_not_kept() -> None:
    answers = iter((ValueError("no"), "yes"))

    def compute(_: None) -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache: SharedCache[None, str] = SharedCache(compute, AN_HOUR)
    with pytest.raises(ValueError):
        cache.get(None)
    assert cache.get(None) == "yes"


def test_a_value_is_computed_again_after_a_change() -> None:
    numbers = iter(range(3))
    cache: SharedCache[None, int] = SharedCache(lambda _: next(numbers), AN_HOUR)
    assert [cache.get(None), cache.get(None)] == [0, 0]
    cache.forget()
    assert [cache.get(None), cache.get(None)] == [1, 1]
