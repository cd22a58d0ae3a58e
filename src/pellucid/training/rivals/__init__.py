"""What a network has to beat: simple learners on pixels and on codes, a file a family."""
