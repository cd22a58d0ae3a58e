"""Floor 1: open any network, name its layers, take its activations, make it fast."""
