"""One refresh serves all viewers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tocsin.web.shared_cache import Shared

AN_HOUR = 3_600.0


def test_however_many_ask_at_once_it_is_made_once() -> None:
    calls: list[str] = []
    together = threading.Barrier(16)

    def upper(key: str) -> str:
        calls.append(key)
        return key.upper()

    shared: Shared[str, str] = Shared(upper, AN_HOUR)

    def ask(_: int) -> str:
        together.wait()
        return shared.get("a")

    with ThreadPoolExecutor(16) as viewers:
        assert set(viewers.map(ask, range(16))) == {"A"}
    assert calls == ["a"]


def test_who_has_an_old_answer_does_not_wait_for_the_new_one() -> None:
    may_answer, is_asked = threading.Event(), threading.Event()
    may_answer.set()
    answers = iter(("old", "new"))

    def make(_: None) -> str:
        is_asked.set()
        assert may_answer.wait(20)
        return next(answers)

    shared: Shared[None, str] = Shared(make, 0.0)
    assert shared.get(None) == "old"
    may_answer.clear()
    is_asked.clear()
    with ThreadPoolExecutor(1) as first:
        # Kept for ten times next to nothing: too old at the next look, or soon after.
        asking = first.submit(lambda: _until(shared, "new"))
        assert is_asked.wait(20)
        assert shared.get(None) == "old"
        may_answer.set()
        assert asking.result(20) == "new"


def _until(shared: Shared[None, str], wanted: str) -> str:
    while (found := shared.get(None)) != wanted:
        pass
    return found


def test_a_failure_is_not_kept() -> None:
    answers = iter((ValueError("no"), "yes"))

    def make(_: None) -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    shared: Shared[None, str] = Shared(make, AN_HOUR)
    with pytest.raises(ValueError):
        shared.get(None)
    assert shared.get(None) == "yes"


def test_what_changed_is_asked_anew() -> None:
    numbers = iter(range(3))
    shared: Shared[None, int] = Shared(lambda _: next(numbers), AN_HOUR)
    assert [shared.get(None), shared.get(None)] == [0, 0]
    shared.forget()
    assert [shared.get(None), shared.get(None)] == [1, 1]
