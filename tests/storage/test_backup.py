"""A backup has the engine and the store of one instant, and is restored as it was."""

from __future__ import annotations

import io
import shutil
import tarfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import insert, select

from support.deployments import folder_only, settings_in
from support.opening import ADMIN_KEY, fill, full_folder, opened, readiness, refusal
from tocsin.clickhouse.sql.materialized_columns import FieldValue, MaterializedColumn
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import Conflict, InvalidSettings
from tocsin.ingestion.request_context import RequestContext
from tocsin.metrics.column_promoter import ColumnReconciler
from tocsin.model.audit.entry import AuditFilter, AuditSubject
from tocsin.model.metrics.question import Question
from tocsin.model.notifications.delivery import DeliveryStatus
from tocsin.runtime import Runtime
from tocsin.storage.backup_archive import unpack
from tocsin.storage.backup_leftovers import FROZEN, ID_FILTER, RESTORING, WORK
from tocsin.storage.backup_manifest import InvalidBackup, Manifest, read_manifest
from tocsin.storage.offline_backup import offline_backup
from tocsin.storage.restoring import restore, verify
from tocsin.store.notification_tables import deliveries

Columns = dict[FieldValue, MaterializedColumn]

pytestmark = folder_only


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The archive of a backup of 30 interactions in three months."""
    folder = full_folder(tmp_path_factory.mktemp("full") / "data")
    with offline_backup(settings_in(folder, admin_key=ADMIN_KEY)) as backup:
        return list(backup.archive())


@pytest.fixture(scope="module")
def backed_up(pieces: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("to") / "backup"
    unpack(iter(pieces), to)
    return to


@pytest.fixture
def copy(backed_up: Path, tmp_path: Path) -> Path:
    return shutil.copytree(backed_up, tmp_path / "copy", symlinks=True)


def backup_of(runtime: Runtime, to: Path) -> Manifest:
    backup = runtime.backups.begin()
    try:
        return unpack(backup.archive(), to)
    finally:
        runtime.backups.end()


def test_a_restored_folder_has_all_interactions_and_reports_no_loss(
    backed_up: Path, tmp_path: Path
) -> None:
    manifest = restore(backed_up, tmp_path / "data")
    assert manifest.interactions == 30
    assert {month: sums.count for month, sums in manifest.months.items()} == {
        "202601": 10,
        "202602": 10,
        "202603": 10,
    }
    with opened(tmp_path / "data") as runtime:
        assert readiness(runtime) == {"status": "ready"}
        assert runtime.engine.rows() == 30
        recorded, _ = runtime.audit.page(100, AuditFilter(kind=AuditSubject.RESOURCE_TYPE))
        assert [entry.action for entry in recorded] == ["created"]
        fill(runtime, "2026-03")
        assert runtime.engine.latest_number() == 40
    assert verify(backed_up).latest_number == 30


def test_backups_made_while_interactions_are_recorded_are_whole(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as runtime:
        is_ended = threading.Event()

        def record() -> None:
            while not is_ended.is_set():
                fill(runtime, "2026-03", 7)

        writers = [threading.Thread(target=record) for _ in range(2)]
        for writer in writers:
            writer.start()
        try:
            manifests = []
            for number in range(4):
                before = runtime.engine.latest_number()
                manifests.append(backup_of(runtime, tmp_path / str(number)))
                assert manifests[-1].latest_number >= before
        finally:
            is_ended.set()
            for writer in writers:
                writer.join()
    for number, manifest in enumerate(manifests):
        # Numbers have no gaps, so that nothing is missing.
        assert manifest.interactions == manifest.latest_number
        assert verify(tmp_path / str(number)) == manifest


def test_a_backup_leaves_nothing_in_the_data_folder(tmp_path: Path) -> None:
    folder = full_folder(tmp_path / "data")
    with opened(folder) as runtime:
        backup_of(runtime, tmp_path / "backup")
        assert not (folder / WORK).exists()
        assert not (folder / "engine" / "shadow" / FROZEN).exists()


def test_a_second_backup_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with opened(full_folder(tmp_path / "data")) as runtime:
        runtime.backups.begin()
        with pytest.raises(Conflict, match="already being made"):
            runtime.backups.begin()
        runtime.backups.end()
        assert backup_of(runtime, tmp_path / "backup").interactions == 30


def test_what_a_crash_left_of_a_backup_is_removed_at_the_start(tmp_path: Path) -> None:
    folder = full_folder(tmp_path / "data")
    for leftover in (folder / WORK, folder / "engine" / "shadow" / FROZEN):
        leftover.mkdir(parents=True)
        (leftover / "file").touch()
    with opened(folder) as runtime:
        assert not (folder / WORK).exists()
        assert backup_of(runtime, tmp_path / "backup").interactions == 30


def test_a_backup_that_was_cut_off_is_refused(pieces: list[bytes], tmp_path: Path) -> None:
    for kept in (1, len(pieces) // 2, len(pieces) - 3):
        to = tmp_path / f"cut {kept}"
        with pytest.raises(InvalidBackup, match="cut off"):
            unpack(iter(pieces[:kept]), to)
        with pytest.raises(InvalidBackup, match=r"no complete backup.*manifest.json"):
            restore(to, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_a_missing_or_damaged_file_is_named(copy: Path, tmp_path: Path) -> None:
    name = next(n for n in read_manifest(copy).files if n.endswith("data.packed"))
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InvalidBackup, match=f"{name} of the backup is damaged"):
        restore(copy, tmp_path / "data")
    (copy / name).unlink()
    with pytest.raises(InvalidBackup, match=f"lacks the file {name}"):
        restore(copy, tmp_path / "data")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "cannot be read"),
        (b"{}", "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(
    copy: Path, tmp_path: Path, content: bytes, complaint: str
) -> None:
    (copy / "manifest.json").write_bytes(content)
    with pytest.raises(InvalidBackup, match=complaint):
        restore(copy, tmp_path / "data")


def test_only_an_empty_folder_is_restored_into(backed_up: Path, tmp_path: Path) -> None:
    folder = full_folder(tmp_path / "data")
    with pytest.raises(InvalidSettings, match=r"not empty: it has engine"):
        restore(backed_up, folder)
    with pytest.raises(InvalidSettings, match="not empty"):
        unpack(iter(()), folder)
    (tmp_path / "empty").mkdir()
    assert restore(backed_up, tmp_path / "empty").interactions == 30


def test_the_filter_of_ids_is_in_no_backup_and_that_of_another_engine_does_no_harm(
    backed_up: Path, tmp_path: Path
) -> None:
    folder = full_folder(tmp_path / "data")
    assert (folder / ID_FILTER).exists()
    with offline_backup(settings_in(folder, admin_key=ADMIN_KEY)) as backup:
        assert not [name for name in backup.files if ID_FILTER in name]
    shutil.rmtree(folder / "engine")
    (folder / "store.sqlite").unlink()
    restore(backed_up, folder)
    with opened(folder) as runtime:
        runtime.engine.ids.learn()
        rows = runtime.engine.search(Query("SELECT interactionId FROM interactions"))
        recorded = {id.bytes for (id,) in rows}
        assert set(runtime.engine.ids.find(list(recorded))) == recorded
        assert runtime.engine.ids.ids_read == len(recorded) == 30


def test_a_restore_that_was_cut_off_does_not_start_and_can_be_repeated(
    backed_up: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(backed_up, folder, stop)
    assert "A restore into" in refusal(folder)
    restore(backed_up, folder)
    assert not (folder / RESTORING).exists()
    with opened(folder) as runtime:
        assert runtime.engine.rows() == 30


@pytest.mark.parametrize("moved", ["engine", "store.sqlite"])
def test_a_restore_that_was_cut_off_between_the_halves_does_not_start(
    backed_up: Path, tmp_path: Path, moved: str
) -> None:
    folder = tmp_path / "data"
    restore(backed_up, folder)
    (folder / RESTORING).mkdir()
    (folder / moved).rename(folder / RESTORING / moved)
    assert "A restore into" in refusal(folder)


def test_deliveries_that_waited_are_skipped_with_a_reason(tmp_path: Path) -> None:
    folder = full_folder(tmp_path / "data")
    with opened(folder) as runtime:
        at = datetime(2026, 3, 1, tzinfo=UTC)
        waiting = {status: uuid4() for status in DeliveryStatus}
        with runtime.database.writing() as connection:
            for status, id in waiting.items():
                connection.execute(insert(deliveries), _delivery(id, status, at))
        manifest = backup_of(runtime, tmp_path / "backup")
    restored = tmp_path / "restored"
    restore(tmp_path / "backup", restored)
    with opened(restored) as runtime, runtime.database.reading() as connection:
        columns = (deliveries.c.delivery_id, deliveries.c.status, deliveries.c.skip_reason)
        stored = {row.delivery_id: row for row in connection.execute(select(*columns)).all()}
    for status, id in waiting.items():
        if status in (DeliveryStatus.STAGED, DeliveryStatus.PENDING):
            assert stored[id].status == DeliveryStatus.SKIPPED
            assert "may have been sent since" in stored[id].skip_reason
            assert str(manifest.created_at.year) in stored[id].skip_reason
        else:
            assert stored[id].status == status


def _delivery(id: UUID, status: DeliveryStatus, at: datetime) -> dict[str, object]:
    return {
        "delivery_id": id,
        "subscription_id": UUID(int=7),
        "channel_id": UUID(int=8),
        "interaction_id": uuid4(),
        "snapshot": "{}",
        "status": status,
        "tries": 0,
        # Far in the future, so that the dispatcher leaves it as it is.
        "due": datetime(2100, 1, 1, tzinfo=UTC),
        "is_end_recorded": True,
        "created_date": at,
    }


def test_a_backup_made_while_columns_change_calculates_the_same(tmp_path: Path) -> None:
    total = Question.model_validate({"metricType": "SUM", "field": "interaction.total"})
    at = datetime(2026, 3, 20, 14, 30, tzinfo=UTC)

    def columns_of(runtime: Runtime) -> tuple[ColumnReconciler, Columns]:
        runtime.promoter.stop()
        runtime.engine.load_field_types()
        reconciler = ColumnReconciler(runtime.engine, timedelta(0), tolerance_rows=0)
        return reconciler, reconciler.desired([total], at)

    with opened(tmp_path / "data") as runtime:
        _record_totals(runtime, 1, 2.5)
        reconciler, columns = columns_of(runtime)
        # The statement of a new column returns before the parts have it.
        is_settled = False
        backups: list[Path] = []
        while not is_settled:
            is_settled = reconciler.reconcile(columns, at)
            backups.append(tmp_path / str(len(backups)))
            backup_of(runtime, backups[-1])
            time.sleep(0.05)
    for number in {0, len(backups) - 1}:
        restored = tmp_path / f"restored {number}"
        restore(backups[number], restored)
        with opened(restored) as runtime:
            reconciler, columns = columns_of(runtime)
            while not reconciler.reconcile(columns, at):
                time.sleep(0.01)
            _record_totals(runtime, 4)
            assert runtime.calculator.explain(total, at).promoted == (total.field,)
            assert runtime.calculator.calculate(total, at).readings[0].value == 7.5


def _record_totals(runtime: Runtime, *totals: float) -> None:
    sent = {"resourceType": "A", "resourceId": "1", "action": "B", "origin": "C"}
    sent |= {"timestamp": "2026-03-20T14:00:00Z"}
    lines = [msgspec.json.encode({**sent, "interaction": {"total": total}}) for total in totals]
    batch = runtime.recorder.record_batch(lines, RequestContext(received=0))
    assert batch.accepted == len(totals)


@pytest.mark.parametrize("name", ["../outside", "/outside"])
def test_archives_do_not_lead_out_of_their_folder(name: str, tmp_path: Path) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archived:
        archived.addfile(tarfile.TarInfo(name))
    with pytest.raises(InvalidBackup):
        unpack(iter([content.getvalue()]), tmp_path / "to")
    assert not (tmp_path / "outside").exists()
    assert not Path("/outside").exists()
