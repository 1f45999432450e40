"""Problem families: pure functions from a random generator to a story with its solution."""
