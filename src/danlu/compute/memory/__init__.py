"""Memory of a training job, item by item and phase by phase."""
