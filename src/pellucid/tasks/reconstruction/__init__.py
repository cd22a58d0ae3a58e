"""Pictures through a code and back: what is lost, and what a drawn code costs."""
