"""Floor 2: which parts of the input speak for the output. One file a method."""
