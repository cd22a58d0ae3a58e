"""Floor 0: the types, errors and registries that every other room speaks in."""
