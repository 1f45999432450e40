"""What `danlu plan` prints, a file for each thing that can be asked."""
