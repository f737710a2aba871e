"""The HTTP API (docs/reference/api.md): one module for each resource, with short handlers."""
