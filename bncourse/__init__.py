"""The course of the book: checks that judge exercises, and a grader for a class."""
