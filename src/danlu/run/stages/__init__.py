"""What a run consists of, a file a stage. Nothing is imported here: a stage's fingerprint is that of its own file."""
