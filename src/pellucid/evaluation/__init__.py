"""Whether a heatmap is true: scores of explanations, and the truths that they are held against."""
