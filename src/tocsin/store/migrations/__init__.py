"""The migrations of the store; `database.py` runs those that a database lacks."""
