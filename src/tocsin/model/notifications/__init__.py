"""Notifications: channels, subscriptions, deliveries, messages and silences."""
