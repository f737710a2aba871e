"""The SQLite store of definitions, keys, alert states, deliveries and sessions."""
