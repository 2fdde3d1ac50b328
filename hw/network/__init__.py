"""Layers around the engine: pooling, dense, narrow convolutions, argmax, and the chain of them."""
