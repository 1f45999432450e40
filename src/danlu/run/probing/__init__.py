"""The probe's own process: a recipe in miniature, carried out by the run's own stages, every part of it timed."""
