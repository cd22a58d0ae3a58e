"""pellucid and its peers side by side, in one process. ``make bench`` writes RESULTS.md."""
