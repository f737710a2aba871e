"""ClickHouse, embedded in the process; the only package that imports the driver."""

from tocsin.clickhouse.allocator import return_memory_sooner

# Before a module of this package loads the engine.
return_memory_sooner()
