"""Views of one picture together, all others apart: losses of what a network makes of two views of each picture."""
