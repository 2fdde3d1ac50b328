"""Training with templates, in PyTorch: the extra ``train``. Nothing outside imports it."""
