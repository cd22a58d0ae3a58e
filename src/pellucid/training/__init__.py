"""Training under observation: what makes it fail, and what lets it succeed."""
