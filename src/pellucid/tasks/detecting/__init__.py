"""Parts of the task ``detection``: boxes as targets, who answers for which, losses, suppression, average precision."""
