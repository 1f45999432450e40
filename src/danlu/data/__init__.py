"""From sources to packed tokens, with every decision written down."""
