"""Networks: from a model file to a chain of integer layers, its golden model and its settings."""
