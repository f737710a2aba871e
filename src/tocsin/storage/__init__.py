"""The data folder: opening, locking, loss detection, retention and maintenance."""
