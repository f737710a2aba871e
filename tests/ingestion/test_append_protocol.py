"""A model check of the append log: nodes begin, append, end, crash and fence in any order.

`support/append_world.py` asserts after each step that everything acknowledged is recorded once, in
order, and counted by every node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from support.append_tables import Fault
from support.append_world import Node, Step, World
from tocsin.errors import Unavailable
from tocsin.model.interactions.append_rows import AppendRow, AppendState, IdRow

IDS = [bytes([number]) * 16 for number in range(3)]
SECONDS = [0.2, 2.0, 5.0]
MAX_NODES = 3
MAX_SERVERS = 2


class Act(NamedTuple):
    """An action; `choice` selects the node, or the statement that arrives."""

    run: Callable[[World, Act], None]
    choice: int
    ids: Sequence[bytes]
    seconds: float

    def __repr__(self) -> str:
        ids = [id[0] for id in self.ids]
        return f"{self.run.__name__}({self.choice}, {ids}, {self.seconds})"

    def node(self, world: World) -> Node:
        return world.nodes[self.choice % len(world.nodes)]


def step(world: World, act: Act) -> None:
    """The next step of an append of a node."""
    node = act.node(world)
    match node.step:
        case Step.IDLE:
            node.ask(act.ids)
        case Step.ASKED:
            node.begin()
        case Step.BEGUN:
            node.send()
        case Step.SENT:
            node.answer()
        case Step.CLOSED:
            node.acknowledge()


def fail(world: World, act: Act) -> None:
    """The engine refuses an append, or its answer is lost."""
    node = act.node(world)
    if node.step is Step.SENT:
        node.lose_answer()
    elif node.step is Step.BEGUN:
        node.end(is_recorded=False)


def arrive(world: World, act: Act) -> None:
    if sent := world.engine.arriving:
        world.engine.arrive(sent[act.choice % len(sent)])


def hang(world: World, act: Act) -> None:
    """A statement does not arrive until the end, unless it is killed."""
    if sent := world.engine.arriving:
        world.engine.hanging.add(sent[act.choice % len(sent)][0])


def strand(world: World, act: Act) -> None:
    """A statement arrives at one replica only."""
    if sent := world.engine.arriving:
        world.engine.strand(sent[act.choice % len(sent)])


def resolve(world: World, act: Act) -> None:
    """A majority of replicas has the part of a statement, or it is given up."""
    if stranded := world.engine.stranded:
        world.engine.resolve(stranded[act.choice % len(stranded)], is_kept=act.choice % 2 == 0)


def lose_or_regain_a_server(world: World, act: Act) -> None:
    world.engine.has_all_servers = act.choice % 2 == 0


def lose_or_regain_answers(world: World, act: Act) -> None:
    act.node(world).engine.gets_answers = act.choice % 2 == 0


def calculate(world: World, act: Act) -> None:
    act.node(world).calculate()


def keep(world: World, act: Act) -> None:
    act.node(world).keep(act.seconds)


def start(world: World, _act: Act) -> None:
    if len(world.nodes) < MAX_NODES:
        world.start()


def add_server(world: World, _act: Act) -> None:
    if world.servers < MAX_SERVERS:
        world.add_server()


def crash(world: World, act: Act) -> None:
    if len(world.nodes) > 1:
        world.crash(act.node(world))


def lose_or_regain_the_lock(world: World, act: Act) -> None:
    node = act.node(world)
    if node.lease.is_certain:
        node.lose_lock()
    else:
        node.regain_lock()


def break_the_next_change(world: World, act: Act) -> None:
    world.table.fault = Fault.AFTER if act.choice % 2 else Fault.BEFORE


def slow_down(world: World, act: Act) -> None:
    """The appends that have not ended are so old that they hold up others too long, or not."""
    world.table.age = act.seconds * 2


def prune(world: World, _act: Act) -> None:
    world.table.prune()


FREQUENCIES = {
    step: 24,
    arrive: 8,
    hang: 2,
    strand: 3,
    resolve: 3,
    lose_or_regain_a_server: 1,
    lose_or_regain_answers: 1,
    keep: 6,
    calculate: 3,
    fail: 2,
    crash: 1,
    start: 1,
    add_server: 1,
    lose_or_regain_the_lock: 2,
    break_the_next_change: 1,
    slow_down: 1,
    prune: 1,
}
ACTS = st.builds(
    Act,
    st.sampled_from([act for act, frequency in FREQUENCIES.items() for _ in range(frequency)]),
    st.integers(0, 5),
    st.lists(st.sampled_from(IDS), min_size=1, max_size=2, unique=True),
    st.sampled_from(SECONDS),
)


def have_an_old_node(world: World) -> None:
    """A node does not know a server that the others append to."""
    world.start()
    world.add_server()


def check(acts: Sequence[Act], prepare: Callable[[World], None] = lambda _: None) -> None:
    world = World()
    prepare(world)
    world.start()
    world.start()
    for act in acts:
        with suppress(Unavailable):
            act.run(world, act)
        world.check()
    world.settle()


def drawn_acts(seed: int, count: int = 200) -> list[Act]:
    random = Random(seed)
    kinds = random.choices(list(FREQUENCIES), list(FREQUENCIES.values()), k=count)
    return [
        Act(kind, random.randrange(6), random.sample(IDS, random.choice((1, 1, 2))), seconds)
        for kind, seconds in zip(kinds, random.choices(SECONDS, k=count), strict=True)
    ]


@seed(0)
@settings(
    max_examples=50,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(ACTS, min_size=30, max_size=150))
def test_nodes_agree_in_interleavings_that_hypothesis_draws(acts: Sequence[Act]) -> None:
    note(" ".join(map(repr, acts)))
    check(acts)


def test_what_is_acknowledged_is_recorded_once_and_counted_by_every_node() -> None:
    for number in range(200):
        check(drawn_acts(number))


def test_nodes_agree_while_one_of_them_does_not_know_a_new_server() -> None:
    for number in range(100):
        check(drawn_acts(number), have_an_old_node)


def _compare_no_ids(world: World) -> None:
    table, ids_after = world.table, world.table.ids_after

    def without_ids(*args: object) -> list[IdRow]:
        return [replace(row, ids=b"") for row in ids_after(*args)]  # type: ignore[arg-type]

    table.ids_after = without_ids  # type: ignore[method-assign,assignment]


def _pass_open_rows(world: World) -> None:
    table, after = world.table, world.table.after

    def ended(*args: int) -> list[AppendRow]:
        return [replace(row, state=AppendState.ENDED) for row in after(*args)]

    table.after = ended  # type: ignore[method-assign,assignment]


def _ignore_what_closed_appends_recorded(world: World) -> None:
    world.engine.numbers_present = lambda *_: set()  # type: ignore[method-assign]


def _kill_no_statement(world: World) -> None:
    world.engine.kill_append = lambda *_: None  # type: ignore[method-assign]


def _close_without_a_majority(world: World) -> None:
    engine = world.engine
    engine.numbers_present = lambda first, last, servers: {  # type: ignore[method-assign]  # noqa: ARG005 - named as in the engine
        number for number in engine.ids if first <= number <= last
    }


def _close_without_knowing_all_servers(world: World) -> None:
    world.values.get = lambda _: None  # type: ignore[method-assign,assignment]
    have_an_old_node(world)


BROKEN = [
    _close_without_knowing_all_servers,
    _close_without_a_majority,
    _compare_no_ids,
    _pass_open_rows,
    _ignore_what_closed_appends_recorded,
    _kill_no_statement,
]


@pytest.mark.parametrize("breaking", BROKEN)
def test_the_check_detects_a_broken_protocol(breaking: Callable[[World], None]) -> None:
    def check_all() -> None:
        for number in range(3_000):
            check(drawn_acts(number), breaking)

    with pytest.raises(AssertionError):
        check_all()


def two_nodes() -> tuple[World, Node, Node]:
    world = World()
    world.start()
    world.start()
    return world, world.nodes[0], world.nodes[1]


def keep_all(world: World) -> None:
    for _ in range(5):
        for node in world.nodes:
            # Raised once by a node that has not seen rows that were removed.
            with suppress(Unavailable):
                node.keep(5.0)


def record(world: World, node: Node, id: bytes) -> None:
    node.ask([id])
    node.begin()
    node.send()
    world.engine.arrive(world.engine.sent[-1])
    node.answer()
    node.acknowledge()
    assert id in world.acknowledged


def test_an_append_on_too_few_replicas_holds_up_no_other_and_is_repeated_until_it_is_stored() -> (
    None
):
    world, node, other = two_nodes()
    node.ask(IDS[:1])
    node.begin()
    node.send()
    world.engine.strand(world.engine.sent[0])
    node.answer()
    keep_all(world)
    record(world, other, IDS[1])
    record(world, node, IDS[2])
    assert [row.state for row in world.table.unended()] == [AppendState.ASIDE]
    world.engine.resolve(world.engine.stranded[0], is_kept=False)
    keep_all(world)
    assert not world.table.unended()
    assert all(IDS[0] in each.calculate() for each in world.nodes)


def test_an_append_of_a_dead_node_is_closed_when_all_servers_answer_and_agree() -> None:
    world, node, other = two_nodes()
    node.ask(IDS[:1])
    node.begin()
    node.send()
    world.engine.has_all_servers = False
    world.crash(node)
    for _ in range(5):
        other.keep(5.0)
    assert [row.state for row in world.table.unended()] == [AppendState.ASIDE]
    record(world, other, IDS[1])
    world.engine.has_all_servers = True
    other.keep(5.0)
    assert not world.table.unended()


def test_a_node_that_has_its_lock_again_sends_no_block_that_began_before() -> None:
    world, node, other = two_nodes()
    node.ask(IDS[:1])
    node.begin()
    node.lose_lock()
    for _ in range(5):
        other.keep(5.0)
    assert not world.table.unended()
    node.regain_lock()
    node.send()
    assert not world.engine.sent
    assert node.step is Step.IDLE


def test_a_repeat_waits_until_every_node_counts_an_interaction_that_appeared_late() -> None:
    world, node, other = two_nodes()
    node.ask(IDS[:1])
    node.begin()
    node.send()
    other.ask(IDS[1:2])
    other.begin()
    world.engine.arrive(world.engine.sent[0])
    node.lose_answer()
    # The late row comes after the open one of the other node.
    for _ in range(3):
        node.keep(2.0)
    world.start()
    node.ask(IDS[:1])
    assert not world.acknowledged
    other.end(is_recorded=False)
    node.ask(IDS[:1])
    assert world.acknowledged == set(IDS[:1])
    assert all(IDS[0] in each.calculate() for each in world.nodes)


def test_an_append_to_a_new_server_is_not_closed_by_a_node_that_does_not_know_it() -> None:
    world = World()
    world.start()
    old = world.nodes[0]
    world.add_server()
    world.start()
    new = world.nodes[1]
    new.ask(IDS[:1])
    new.begin()
    new.send()
    world.crash(new)
    for _ in range(5):
        old.keep(5.0)
    assert [row.state for row in world.table.unended()] == [AppendState.ASIDE]
    record(world, old, IDS[1])
    world.engine.arrive(world.engine.sent[0])
    world.start()
    keep_all(world)
    assert not world.table.unended()
    old.ask(IDS[:1])
    assert old.step is Step.IDLE
    assert world.acknowledged == set(IDS[:2])
    assert all(IDS[0] in each.calculate() for each in world.nodes)


def test_a_node_that_does_not_know_a_new_server_closes_its_own_appends() -> None:
    world, node, _ = two_nodes()
    world.add_server()
    node.ask(IDS[:1])
    node.begin()
    node.send()
    node.lose_answer()
    for _ in range(5):
        node.keep(5.0)
    assert not world.table.unended()
