"""Constructs the objects that read and write the tables of the store."""

from __future__ import annotations

from tocsin.model.alerts.pages import AlertPages
from tocsin.store.alerts import Alerts
from tocsin.store.audit import AuditTrail
from tocsin.store.bundle_closing import BundleCloser
from tocsin.store.bundle_deliveries import BundleDeliveries
from tocsin.store.bundles import Bundles
from tocsin.store.catalog import Catalog
from tocsin.store.channels import Channels
from tocsin.store.database import Database
from tocsin.store.deliveries import Deliveries
from tocsin.store.dropped_deliveries import DroppedDeliveries
from tocsin.store.evaluations import Evaluations
from tocsin.store.fencing import Fence
from tocsin.store.key_uses import KeyUses
from tocsin.store.keys import Keys
from tocsin.store.metrics import Metrics
from tocsin.store.new_deliveries import NewDeliveries
from tocsin.store.sessions import Sessions
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions
from tocsin.store.transitions import Transitions


class Stores:
    """One object for each kind of definition and record."""

    def open_stores(
        self,
        database: Database,
        fence: Fence,
        pages: AlertPages,
        max_catalog_entries: int,
        max_pending_deliveries: int,
    ) -> None:
        """`pages` are the links to alerts in messages."""
        self.audit = AuditTrail(database)
        self.catalog = Catalog(database, max_catalog_entries)
        self.metrics = Metrics(database)
        self.keys = Keys(database)
        self.key_uses = KeyUses(database)
        self.sessions = Sessions(database)
        self.channels = Channels(database)
        self.silences = Silences(database)
        self.dropped = DroppedDeliveries(database, self.channels, max_pending_deliveries)
        closer = BundleCloser(
            BundleDeliveries(self.catalog, self.channels, self.silences, self.dropped, pages)
        )
        self.subscriptions = Subscriptions(database, self.channels, closer)
        self.new_deliveries = NewDeliveries(
            self.catalog, self.channels, self.subscriptions, self.silences
        )
        self.deliveries = Deliveries(database, self.channels, self.new_deliveries, self.dropped)
        self.bundles = Bundles(database, self.subscriptions, self.deliveries, closer, fence)
        self.transitions = Transitions(database, self.deliveries, pages, self.bundles)
        self.evaluations = Evaluations(database, self.transitions, fence)
        self.alerts = Alerts(database, self.evaluations)
