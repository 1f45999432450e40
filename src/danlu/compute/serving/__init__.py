"""What it takes to serve a model."""
