"""What the codes of pictures are good for: groups, classes, outliers."""
