"""Floor 5: the command line. Nobody imports it."""
