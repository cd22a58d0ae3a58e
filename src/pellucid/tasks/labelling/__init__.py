"""Labels that do not exclude each other: how cells become yes and no, and how a network may be asked for them."""
