"""From a question to a query: pure, and the only place where engine SQL is made."""
