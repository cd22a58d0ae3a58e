"""Floor 1: files become Samples."""
