"""`tocsin packs`: metrics, alerts and their unit tests for common purposes, with parameters."""
