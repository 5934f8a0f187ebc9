"""Questions that anyone might ask, and some that nobody should: each answer is right in kind, or one clear error."""
