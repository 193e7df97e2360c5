"""The benchmark behind `make bench`: how fast, how large and how exact `bnlib` is."""
