"""What data and evaluation both need of plain text: words and n-grams, numbers, copies, overlaps."""
