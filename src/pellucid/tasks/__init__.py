"""What a network may be asked to answer: a file a task, with its encoding, its loss, its decisions and its metrics."""
