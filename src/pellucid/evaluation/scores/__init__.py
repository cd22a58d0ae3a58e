"""The scores, one idea a file; the registry in ``evaluation/table.py`` finds them."""
