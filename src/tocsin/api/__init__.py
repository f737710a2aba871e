"""HTTP: one module a noun, handlers of a few lines."""
