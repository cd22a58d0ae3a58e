"""What it takes to ask where landmarks are: heatmaps, losses, peaks, matches and scores of the task ``keypoints``."""
