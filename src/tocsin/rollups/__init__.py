"""Partial results that outlast a calculation: what was counted once is not counted again."""
