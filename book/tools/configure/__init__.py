"""Write the repository's address wherever the book needs it; refresh the bootstrap cells."""
