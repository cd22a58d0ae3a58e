"""Content and style: Gram matrices, what tells textures apart, and the transfer."""
