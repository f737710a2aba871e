"""What tests share: builders, oracles, a server process, a browser."""
