"""The exercises that code judges, a module for each chapter."""
