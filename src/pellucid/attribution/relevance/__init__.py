"""Relevance: an operation tape, and the rules that hand relevance back through it."""
