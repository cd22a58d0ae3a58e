"""Floor 2: what the layers have learnt. One file a view."""
