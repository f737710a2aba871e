"""The pages: one module of routes for each."""
