"""ClickHouse, embedded in the process; the only place that imports the driver."""
