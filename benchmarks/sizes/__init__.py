"""Measures one data folder at 1, 10 and 100 million interactions of a hundred months."""
