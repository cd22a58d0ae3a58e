"""What a layer makes of a transformed input: transforms, their inverses on maps, measures, probes."""
