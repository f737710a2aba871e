"""`tocsin demo`: a server with the simulated interactions of a shop."""
