"""Tests of the benches, and of the engine on them."""
