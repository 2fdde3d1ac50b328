"""hw.flow: each part on its own."""
