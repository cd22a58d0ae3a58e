"""Cells of feature maps in groups: how they are found, painted and judged."""
