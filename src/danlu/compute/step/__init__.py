"""How long an optimiser step takes, as a sum that one can read."""
