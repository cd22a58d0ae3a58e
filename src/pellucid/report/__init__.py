"""Floor 4: values become figures and pages. Knows values only: not networks, not methods."""
