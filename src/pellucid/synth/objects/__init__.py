"""One file an object; each registers its recipe."""
