"""The version of this package, which requests name in their User-Agent."""

__version__ = "0.1.0"
