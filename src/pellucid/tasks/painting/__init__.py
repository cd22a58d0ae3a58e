"""What it takes to ask for each pixel: targets, losses, counts and scores of the task ``segmentation``."""
