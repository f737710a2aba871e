"""Creates, replaces and deletes channels, subscriptions and silences, and logs each change; tests
channels and retries deliveries."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tocsin.errors import InvalidInput
from tocsin.model.audit.entry import AuditAction, AuditEntry, AuditSubject
from tocsin.model.notifications.channel import Channel, ChannelDraft
from tocsin.model.notifications.delivery import Attempt, Delivery
from tocsin.model.notifications.message import sample
from tocsin.model.notifications.silence import Silence
from tocsin.model.notifications.silence_draft import SilenceDraft
from tocsin.model.notifications.subscription import Subscription, SubscriptionDraft
from tocsin.notifications.dispatcher import Dispatcher
from tocsin.notifications.templates.templates import Templates
from tocsin.process.audit import Actor
from tocsin.process.clock import Clock
from tocsin.store.alerts import Alerts
from tocsin.store.audit import AuditTrail
from tocsin.store.channels import Channels
from tocsin.store.deliveries import Deliveries
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions


class ChannelService:
    """Drafts are those that `read_channel` returned. Methods raise NotFound and what they name."""

    def __init__(
        self, channels: Channels, dispatcher: Dispatcher, audit: AuditTrail, clock: Clock
    ) -> None:
        self._channels = channels
        self._dispatcher = dispatcher
        self._audit = audit
        self._clock = clock

    def create(self, draft: ChannelDraft, actor: Actor) -> Channel:
        """Create a channel; a webhook without a secret is given one."""
        channel = self._channels.create(draft, self._clock.now(), actor)
        actor.log_change("channel created", **_channel_fields(channel))
        return channel

    def replace(
        self, id: UUID, draft: ChannelDraft, actor: Actor, expected: Channel | None = None
    ) -> Channel:
        """Replace a channel, which ends its pause and sends its pending deliveries. Raises
        ChangedMeanwhile if it is not `expected`."""
        channel = self._channels.replace(id, draft, self._clock.now(), expected, actor)
        actor.log_change("channel replaced", **_channel_fields(channel))
        self._dispatcher.wake()
        return channel

    def delete(self, id: UUID, actor: Actor) -> None:
        """Delete a channel; its pending deliveries fail. Raises Conflict if a subscription uses
        it."""
        channel = self._channels.get(id)
        self._channels.delete(id, self._clock.now(), actor)
        actor.log_change("channel deleted", **_channel_fields(channel))

    def test(self, id: UUID, actor: Actor) -> tuple[Channel, Attempt]:
        """Send a sample, once, whether the channel is enabled or not; blocks."""
        channel, at = self._channels.get(id), self._clock.now()
        self._audit.record(
            AuditEntry(
                at, actor.author, AuditAction.TESTED, AuditSubject.CHANNEL, id, channel.spec.name
            )
        )
        return channel, self._dispatcher.send(channel, sample(channel, at))


class DeliveryService:
    def __init__(self, deliveries: Deliveries, dispatcher: Dispatcher, clock: Clock) -> None:
        self._deliveries = deliveries
        self._dispatcher = dispatcher
        self._clock = clock

    def retry(self, id: UUID, actor: Actor) -> Delivery:
        """Attempt a failed delivery again, or send one that was silenced or skipped. Raises
        NotFound, or Conflict for a delivery in another state and for one without a channel."""
        delivery = self._deliveries.retry(id, self._clock.now(), actor)
        self._dispatcher.wake()
        return delivery


class SubscriptionService:
    """Drafts are those that `read_subscription` returned. Methods raise NotFound and what they
    name."""

    def __init__(self, subscriptions: Subscriptions, templates: Templates, clock: Clock) -> None:
        self._subscriptions = subscriptions
        self._templates = templates
        self._clock = clock

    def create(self, draft: SubscriptionDraft, actor: Actor) -> Subscription:
        """Raises InvalidInput for a template that cannot be used, and for an unknown channel."""
        self.check_template(draft)
        subscription = self._subscriptions.create(draft, self._clock.now(), actor)
        actor.log_change("subscription created", **_subscription_fields(subscription))
        return subscription

    def replace(
        self,
        id: UUID,
        draft: SubscriptionDraft,
        actor: Actor,
        expected: Subscription | None = None,
    ) -> Subscription:
        """Raises InvalidInput as `create`, or ChangedMeanwhile if it is not `expected`. Deliveries
        that exist stay as they are."""
        self.check_template(draft)
        subscription = self._subscriptions.replace(id, draft, self._clock.now(), expected, actor)
        actor.log_change("subscription replaced", **_subscription_fields(subscription))
        return subscription

    def delete(self, id: UUID, actor: Actor) -> None:
        """Delete a subscription; its pending deliveries are still sent."""
        subscription = self._subscriptions.get(id)
        self._subscriptions.delete(id, self._clock.now(), actor)
        actor.log_change("subscription deleted", **_subscription_fields(subscription))

    def check_template(self, draft: SubscriptionDraft) -> None:
        """Raises InvalidInput for a template that cannot be used."""
        if draft.template:
            self._templates.check(draft.template)


class SilenceService:
    """Drafts are those that `read_silence` returned. Methods raise NotFound."""

    def __init__(self, silences: Silences, alerts: Alerts, clock: Clock) -> None:
        self._silences = silences
        self._alerts = alerts
        self._clock = clock

    def create(self, draft: SilenceDraft, actor: Actor) -> Silence:
        """Raises InvalidInput for an unknown alert."""
        self._check_alert(draft)
        silence = self._silences.create(draft, self._clock.now(), actor)
        actor.log_change("silence created", **_silence_fields(silence))
        return silence

    def replace(
        self, id: UUID, draft: SilenceDraft, actor: Actor, expected: Silence | None = None
    ) -> Silence:
        """Replace a silence; what it silenced is decided anew. Raises InvalidInput for an unknown
        alert, or ChangedMeanwhile if it is not `expected`. The alert of a silence that exists may
        have been deleted."""
        if draft.alert_id != self._silences.get(id).alert_id:
            self._check_alert(draft)
        silence = self._silences.replace(id, draft, self._clock.now(), expected, actor)
        actor.log_change("silence replaced", **_silence_fields(silence))
        return silence

    def delete(self, id: UUID, actor: Actor) -> None:
        """Delete a silence, which ends it."""
        silence = self._silences.get(id)
        self._silences.delete(id, self._clock.now(), actor)
        actor.log_change("silence deleted", **_silence_fields(silence))

    def _check_alert(self, draft: SilenceDraft) -> None:
        if draft.alert_id and self._alerts.find(draft.alert_id) is None:
            raise InvalidInput.at("alertId", "is the id of no alert")


def _channel_fields(channel: Channel) -> dict[str, Any]:
    """Without the settings, which may be secrets."""
    return {
        "channel": str(channel.channel_id),
        "channel_name": channel.spec.name,
        "kind": channel.kind.value,
    }


def _subscription_fields(subscription: Subscription) -> dict[str, Any]:
    """Without the template, whose text may be anything."""
    return {
        "subscription": str(subscription.subscription_id),
        "channel": str(subscription.channel_id),
        "enabled": subscription.enabled,
    }


def _silence_fields(silence: Silence) -> dict[str, Any]:
    """Without author and reason, whose text may be anything."""
    return {
        "silence": str(silence.silence_id),
        "alert": str(silence.alert_id) if silence.alert_id else None,
        "start": silence.start.isoformat(),
        "end": silence.end.isoformat() if silence.end else None,
    }
