"""Print the whole book into one PDF file: merge the built pages into one, and print that."""
