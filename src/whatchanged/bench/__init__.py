"""Models with known changes, and how an audit is scored against them."""
