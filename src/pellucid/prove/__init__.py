"""Where methods and scores meet: attribution knows no score, and evaluation knows no method."""
