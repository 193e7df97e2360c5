"""Change bnlib in small ways, and account for every change that no unit test finds."""
