"""Creates, replaces and deletes channels, subscriptions and silences, and logs each change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tocsin.model.notifications.silence import Silence, SilenceDraft
from tocsin.model.notifications.subscription import Subscription, SubscriptionDraft
from tocsin.process.audit import Actor
from tocsin.process.clock import Clock
from tocsin.store.silences import Silences
from tocsin.store.subscriptions import Subscriptions


class SubscriptionService:
    """Drafts are those that `read_subscription` accepted. Methods raise what the store raises."""

    def __init__(self, subscriptions: Subscriptions, clock: Clock) -> None:
        self._subscriptions = subscriptions
        self._clock = clock

    def create(self, draft: SubscriptionDraft, actor: Actor) -> Subscription:
        subscription = self._subscriptions.create(draft, self._clock.now())
        actor.log_change("subscription created", **_subscription_fields(subscription))
        return subscription

    def replace(self, id: UUID, draft: SubscriptionDraft, actor: Actor) -> Subscription:
        subscription = self._subscriptions.replace(id, draft, self._clock.now())
        actor.log_change("subscription replaced", **_subscription_fields(subscription))
        return subscription

    def delete(self, id: UUID, actor: Actor) -> None:
        subscription = self._subscriptions.get(id)
        self._subscriptions.delete(id)
        actor.log_change("subscription deleted", **_subscription_fields(subscription))


class SilenceService:
    """Drafts are those that `read_silence` accepted. Methods raise what the store raises."""

    def __init__(self, silences: Silences, clock: Clock) -> None:
        self._silences = silences
        self._clock = clock

    def create(self, draft: SilenceDraft, actor: Actor) -> Silence:
        silence = self._silences.create(draft, self._clock.now())
        actor.log_change("silence created", **_silence_fields(silence))
        return silence

    def replace(self, id: UUID, draft: SilenceDraft, actor: Actor) -> Silence:
        silence = self._silences.replace(id, draft, self._clock.now())
        actor.log_change("silence replaced", **_silence_fields(silence))
        return silence

    def delete(self, id: UUID, actor: Actor) -> None:
        silence = self._silences.get(id)
        self._silences.delete(id)
        actor.log_change("silence deleted", **_silence_fields(silence))


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
        "end": silence.to.isoformat(),
    }
