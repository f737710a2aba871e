"""Nodes that share an append log and an engine, both in memory, and take one step at a time.

A node has the parts of production; only the committer, which has no steps, is played here: it asks
the engine for ids, begins, sends, and ends. Each node keeps what a calculation would have cached:
the interactions up to a watermark, to which later ones are added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from support.append_tables import MemoryAppends
from support.builders import an_interaction
from tocsin.errors import Unavailable
from tocsin.ingestion.append_keeper import AppendKeeper
from tocsin.ingestion.append_log import Append, NotBegun
from tocsin.ingestion.append_news import NewBlock, News
from tocsin.ingestion.known_servers import KnownServers
from tocsin.ingestion.quorum_rule import QuorumRule
from tocsin.ingestion.shared_append_log import SharedAppendLog
from tocsin.model.interactions.append_rows import AppendState
from tocsin.model.interactions.interaction import Interaction
from tocsin.process.events import Events, InteractionsFollowed, InteractionsRecorded

Statement = tuple[str, Sequence[Interaction]]
"""The query id of an append, and its block."""


class MemoryEngine:
    """The recorded interactions, the statements that were sent and have not arrived, and those that
    are on too few replicas: nobody reads them yet, and they may appear or be lost.

    Servers are numbered in the order in which they were added. All of them answer a query for the
    recorded interactions; a statement is ended, and its part found, on the server that it was sent
    to."""

    def __init__(self) -> None:
        self.ids: dict[int, bytes] = {}
        self.sent: list[Statement] = []
        self.stranded: list[Statement] = []
        self.hanging: set[str] = set()
        self.has_all_servers = True
        self.server_of: dict[str, int] = {}

    @property
    def arriving(self) -> list[Statement]:
        """The statements that do not hang."""
        return [statement for statement in self.sent if statement[0] not in self.hanging]

    def send(self, statement: Statement, server: int) -> None:
        self.server_of[statement[0]] = server
        self.sent.append(statement)

    def arrive(self, statement: Statement) -> None:
        """A block that is stored already is not stored again, because it has the same token."""
        self.sent.remove(statement)
        if statement not in self.stranded:
            self._store(statement)

    def strand(self, statement: Statement) -> None:
        """The statement arrives at one replica, and no other one fetches its part."""
        self.sent.remove(statement)
        if statement[1][0].interaction_number not in self.ids:
            self.stranded.append(statement)

    def resolve(self, statement: Statement, *, is_kept: bool) -> None:
        """The majority has the part, or it was given up because its replica is gone."""
        self.stranded.remove(statement)
        if is_kept:
            self._store(statement)

    def is_stranded(self, query_id: str) -> bool:
        return any(statement[0] == query_id for statement in self.stranded)

    def kill_append(self, query_id: str, servers: int) -> None:
        """End a statement on the first servers."""
        if not self.has_all_servers:
            raise Unavailable
        if self.server_of.get(query_id, 0) < servers:
            self.sent = [statement for statement in self.sent if statement[0] != query_id]

    def numbers_present(self, first: int, last: int, servers: int) -> set[int]:
        """Ask the first servers for numbers on too few replicas, and all for those that are
        recorded."""
        numbers = range(first, last + 1)
        if any(
            s[1][0].interaction_number in numbers and self.server_of[s[0]] < servers
            for s in self.stranded
        ):
            raise Unavailable
        return {number for number in self.ids if number in numbers}

    def recorded(self, ids: Sequence[bytes]) -> dict[bytes, int]:
        return {id: number for number, id in self.ids.items() if id in ids}

    def _store(self, statement: Statement) -> None:
        for interaction in statement[1]:
            self.ids[interaction.interaction_number] = interaction.interaction_id


class NodeEngine:
    """The engine as a node uses it, which keeps its appends of unknown outcome. Implements
    AppendedNumbers."""

    def __init__(self, engine: MemoryEngine, servers: int) -> None:
        self._engine = engine
        self.servers = servers
        """The number of servers that the node knows."""
        self.unsettled: dict[str, Statement] = {}
        self.gets_answers = True

    def unsettled_appends(self) -> set[str]:
        return set(self.unsettled)

    def forget_appends(self, query_ids: set[str]) -> None:
        for query_id in query_ids:
            self.unsettled.pop(query_id, None)

    def repeat_append(self, query_id: str, check: Callable[[], object]) -> bool:
        check()
        if self._engine.is_stranded(query_id):
            raise Unavailable
        statement = self.unsettled[query_id]
        self.send(statement)
        if not self.gets_answers:
            raise Unavailable
        self._engine.arrive(statement)
        del self.unsettled[query_id]
        return True

    def send(self, statement: Statement) -> None:
        self._engine.send(statement, self.servers - 1)

    def kill_append(self, query_id: str) -> None:
        self._engine.kill_append(query_id, self.servers)

    def numbers_present(self, first: int, last: int) -> set[int]:
        return self._engine.numbers_present(first, last, self.servers)


class MemoryValues(dict[str, str]):
    """Implements KeyValues."""

    def set(self, name: str, value: str) -> None:
        self[name] = value


class MemoryKnowledge:
    """Implements Knowledge with an exact set of ids."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine
        self.ids: set[bytes] = set(engine.ids.values())

    def add_ids(self, ids: bytes) -> None:
        self.ids.update(ids[at : at + 16] for at in range(0, len(ids), 16))

    def widen(self, news: News) -> None:
        assert isinstance(news, News)

    def missing_entries(self, interactions: Sequence[Interaction]) -> frozenset[bytes]:
        assert interactions
        return frozenset()

    def refresh_entries(self) -> None:
        """Nothing is deleted."""

    def add_types(self, news: News) -> int:
        assert not news.types
        return 0

    def confirm_types(self, sent: int) -> None:
        assert sent == 0

    def resend_types(self) -> None:
        """No types."""

    def relearn(self) -> None:
        self.ids |= set(self._engine.ids.values())


class Step(Enum):
    IDLE = "idle"
    ASKED = "asked"
    BEGUN = "begun"
    SENT = "sent"
    CLOSED = "closed"


@dataclass(slots=True)
class Lease:
    is_certain: bool = True
    session: int = 1


class World:
    def __init__(self) -> None:
        self.table = MemoryAppends()
        self.engine = MemoryEngine()
        self.nodes: list[Node] = []
        self.living: set[str] = set()
        self.acknowledged: set[bytes] = set()
        self.values = MemoryValues()
        self.servers = 0
        self._started = 0
        self.add_server()

    def add_server(self) -> None:
        """A migration makes another server ready. Nodes that run do not know it."""
        self.servers += 1
        self.known_servers(self.servers).store()

    def known_servers(self, count: int) -> KnownServers:
        return KnownServers(self.values, [f"server{n}" for n in range(count)])

    def start(self) -> None:
        """Start a node. Raises Unavailable."""
        self._started += 1
        name = f"node{self._started}"
        node = Node(self, name)
        self.nodes.append(node)
        self.living.add(name)

    def crash(self, node: Node) -> None:
        self.nodes.remove(node)
        self.living.discard(node.name)

    def check(self) -> None:
        """Each id is recorded at most once; everything acknowledged is recorded."""
        counts = Counter(self.engine.ids.values())
        assert not [id for id, count in counts.items() if count > 1], "recorded twice"
        assert self.acknowledged <= counts.keys(), "acknowledged, and not recorded"

    def settle(self) -> None:
        """Let the nodes close everything, and compare all that they count."""
        self.table.fault = None
        self.engine.has_all_servers = True
        if all(node.engine.servers < self.servers for node in self.nodes):
            self.start()
        for node in self.nodes:
            node.engine.gets_answers = True
            node.regain_lock()
            node.finish()
        for statement in [*self.engine.stranded]:
            self.engine.resolve(statement, is_kept=statement[1][0].interaction_number % 2 == 0)
        for _ in range(60):
            for node in self.nodes:
                # Raised once if rows were removed that it has not seen: it joins again.
                with suppress(Unavailable):
                    node.keep(1.0)
        assert not self.table.unended(), "an append has not ended"
        for statement in [*self.engine.sent]:
            self.engine.arrive(statement)
        self.check()
        for node in self.nodes:
            assert sorted(node.calculate()) == sorted(self.engine.ids.values())


@dataclass(slots=True)
class Node:
    world: World
    name: str
    has_quorum: bool = True
    step: Step = Step.IDLE
    time: float = 0.0
    lease: Lease = field(default_factory=Lease)
    _ids: Sequence[bytes] = ()
    _known_ids: int = 0
    _append: Append | None = None
    _closed: int = 0
    _watermark: int = 0
    _is_late: bool = False
    _cached: list[bytes] = field(default_factory=list)
    _cached_up_to: int = 0
    knowledge: MemoryKnowledge = field(init=False)
    log: SharedAppendLog = field(init=False)
    engine: NodeEngine = field(init=False)
    keeper: AppendKeeper = field(init=False)

    def __post_init__(self) -> None:
        world, events = self.world, Events()
        events.subscribe(InteractionsRecorded, self._on_recorded)
        events.subscribe(InteractionsFollowed, self._on_followed)
        self.knowledge = MemoryKnowledge(world.engine)
        self.log = SharedAppendLog(
            world.table,
            self.name,
            self.lease,
            self.knowledge,
            events,
            QuorumRule(has_quorum=self.has_quorum),
            first_number=1,
            seconds_open=0.0,
        )
        self._watermark = self.log.watermark
        self.engine = NodeEngine(world.engine, world.servers)
        self.keeper = AppendKeeper(
            self.log,
            world.table,
            lambda: world.living,
            self.engine,
            len,
            world.known_servers(world.servers).require_all,
            lambda: self.time,
        )

    def ask(self, ids: Sequence[bytes]) -> None:
        """The senders' ids that are recorded are duplicates; the others are to be appended."""
        self._known_ids = self.log.known_ids
        recorded = self.world.engine.recorded([id for id in ids if id in self.knowledge.ids])
        try:
            self.log.check_recorded(recorded)
        except (NotBegun, Unavailable):
            return
        self._acknowledge(recorded)
        self._ids = [id for id in ids if id not in recorded]
        self.step = Step.ASKED if self._ids else Step.IDLE

    def begin(self) -> None:
        block = [an_interaction(interaction_id=id) for id in self._ids]
        self.step = Step.IDLE
        try:
            self._append = self.log.begin(NewBlock(block, self._ids, known_ids=self._known_ids))
        except (NotBegun, Unavailable):
            return
        self.knowledge.ids |= set(self._ids)
        self.step = Step.BEGUN

    def send(self) -> None:
        """Send the block, if the lock is certainly held; the append fails otherwise."""
        assert self._append
        try:
            self.log.check_open(self._append)
        except Unavailable:
            self.end(is_recorded=False)
            return
        self.engine.send(self._statement)
        self.step = Step.SENT

    def answer(self) -> None:
        """The engine answers, if the statement has arrived or was killed."""
        assert self._append
        if self._query_id in [query_id for query_id, _ in self.world.engine.sent]:
            return
        if self.world.engine.is_stranded(self._query_id):
            self.lose_answer()
            return
        present = self.engine.numbers_present(self._append.first, self._append.first)
        if present:
            self.end(is_recorded=True)
        else:
            self.lose_answer()

    def lose_answer(self) -> None:
        """The connection to the engine breaks: the outcome is unknown."""
        assert self._append
        self.engine.unsettled[self._query_id] = self._statement
        self.log.set_aside(self._append)
        self.step = Step.IDLE

    def end(self, *, is_recorded: bool) -> None:
        assert self._append
        self.step = Step.IDLE
        try:
            self._closed = self.log.close(self._append)
        except Unavailable:
            return
        if is_recorded:
            self.step = Step.CLOSED

    def acknowledge(self) -> None:
        """Answer the senders, if the append was passed."""
        self.log.follow()
        if self.log.has_passed(self._closed):
            assert self._append
            self._check_order(self._append.first)
            self._acknowledge(self._ids)
            self.step = Step.IDLE

    def finish(self) -> None:
        """Take all remaining steps of an append."""
        if self.step is Step.BEGUN:
            self.send()
        if self.step is Step.SENT:
            self.lose_answer()
        if self.step is Step.ASKED:
            self.step = Step.IDLE

    def calculate(self) -> Sequence[bytes]:
        """The ids that this node counts."""
        self.log.follow()
        ids = self.world.engine.ids
        if self._is_late:
            self._cached, self._cached_up_to, self._is_late = [], 0, False
        new = [id for n, id in ids.items() if self._cached_up_to < n <= self._watermark]
        self._cached += new
        self._cached_up_to = self._watermark
        assert len(set(self._cached)) == len(self._cached), "counted twice"
        assert self.world.acknowledged <= set(self._cached), (
            f"{self.name} does not count what was acknowledged"
        )
        return self._cached

    def keep(self, seconds: float) -> None:
        self.time += seconds
        self.keeper.run_once()

    def lose_lock(self) -> None:
        self.world.living.discard(self.name)
        self.lease.is_certain = False

    def regain_lock(self) -> None:
        self.world.living.add(self.name)
        if not self.lease.is_certain:
            self.lease.is_certain = True
            self.lease.session += 1

    @property
    def _statement(self) -> Statement:
        assert self._append
        return self._query_id, self._append.interactions

    @property
    def _query_id(self) -> str:
        assert self._append
        assert self._append.query_id
        return self._append.query_id

    def _acknowledge(self, ids: Sequence[bytes] | dict[bytes, int]) -> None:
        self.world.acknowledged.update(ids)
        self.world.check()

    def _check_order(self, number: int) -> None:
        unended = self.world.table.unended()
        earlier = [r for r in unended if r.number < number and r.state is AppendState.OPEN]
        assert not earlier, "acknowledged before an earlier append has ended"

    def _on_recorded(self, event: InteractionsRecorded) -> None:
        self._advance(event.interactions[-1].interaction_number)

    def _on_followed(self, event: InteractionsFollowed) -> None:
        self._is_late |= event.is_late
        self._advance(event.number)

    def _advance(self, number: int) -> None:
        assert number >= self._watermark, "published out of order"
        self._watermark = number
