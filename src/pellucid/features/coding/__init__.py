"""What the units of a code are worth: ablation, refits, spectra, known factors."""
