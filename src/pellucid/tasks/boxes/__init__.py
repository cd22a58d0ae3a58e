"""Boxes and anchors: overlaps, K-means by overlap, recalls, and how many anchors are worth it. NumPy alone."""
