"""What is known to be true: planted pictures, a network whose weights were written by hand, and rendering again."""
