"""The language of the product: pure values, no I/O, no clock."""
