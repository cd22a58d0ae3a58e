"""Seeds become objects, objects become pictures, and everything about the pictures is known."""
