"""`tocsin demo`: a server with a sample shop, to look around in."""
