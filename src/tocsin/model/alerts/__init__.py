"""Alerts: rules on metrics and the state machine of their groups."""
