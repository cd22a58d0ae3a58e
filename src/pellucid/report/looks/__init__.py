"""How each kind of view is drawn and told: one file a kind."""
