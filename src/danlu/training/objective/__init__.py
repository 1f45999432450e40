"""What differs between kinds of training: the loss."""
