"""Maps the records of other systems to interactions, for `tocsin import --map`."""
