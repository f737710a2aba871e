"""After a migration that gives the shards a second replica, nodes that append to one replica only
neither record nor calculate."""

from __future__ import annotations

from threading import Timer

import pytest

from support.append_world import Node, Step, World
from tocsin.errors import Unavailable
from tocsin.ingestion.quorum_rule import require_quorum

ID, OTHER_ID = b"1" * 16, b"2" * 16


def started(world: World, name: str, *, has_quorum: bool) -> Node:
    node = Node(world, name, has_quorum)
    world.nodes.append(node)
    world.living.add(name)
    return node


def record(node: Node, id: bytes) -> None:
    """Take all steps of an append that succeeds."""
    node.ask([id])
    node.begin()
    assert node.step is Step.BEGUN
    node.send()
    node.world.engine.arrive(node.world.engine.sent[0])
    node.answer()
    node.acknowledge()


def test_a_node_without_a_quorum_neither_records_nor_calculates_after_it_is_required() -> None:
    world = World()
    old = started(world, "old", has_quorum=False)
    record(old, ID)
    require_quorum(world.table)
    old.ask([OTHER_ID])
    old.begin()
    assert old.step is Step.IDLE
    for _ in range(2):
        with pytest.raises(Unavailable, match="restart it with the new TOCSIN_CLICKHOUSE_URL"):
            old.calculate()
    new = started(world, "new", has_quorum=True)
    record(new, OTHER_ID)
    assert list(new.calculate()) == [ID, OTHER_ID]


def test_a_node_with_a_quorum_goes_on_after_it_is_required() -> None:
    world = World()
    node = started(world, "node", has_quorum=True)
    record(node, ID)
    require_quorum(world.table)
    record(node, OTHER_ID)
    assert list(node.calculate()) == [ID, OTHER_ID]


def test_the_appends_under_way_end_before_a_quorum_is_required() -> None:
    world = World()
    node = started(world, "node", has_quorum=False)
    node.ask([ID])
    node.begin()
    node.send()

    def end() -> None:
        world.engine.arrive(world.engine.sent[0])
        node.answer()

    ending = Timer(0.2, end)
    ending.start()
    require_quorum(world.table)
    assert not world.table.unended()
    assert list(world.engine.ids.values()) == [ID]
    ending.join()


def test_a_log_without_rows_stays_empty() -> None:
    world = World()
    require_quorum(world.table)
    assert world.table.tail().last == 0
