"""The audit trail: its rows, and the definitions in them."""
