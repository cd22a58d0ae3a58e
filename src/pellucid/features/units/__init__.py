"""Single units: where they look, what excites them, which are alike or dead."""
