"""Pictures that excite a network: one loop of gradient ascent and what it climbs."""
