"""Resources of the process: threads, deadlines, descriptors and the log."""
