"""How the tables came to be, step by step; run by `database.py` when a database is behind."""
