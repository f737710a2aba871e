"""Records interactions: parse, resolve, deduplicate, commit in groups; and reads them back."""
