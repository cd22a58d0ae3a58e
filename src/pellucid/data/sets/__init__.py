"""Data sets in the forms that people keep them in: a file a form."""
