"""ClickHouse, embedded in the process; the only package that imports the driver."""
