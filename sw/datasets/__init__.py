"""What :mod:`sw.data` is made of: catalogue, image codec, sources, stored files."""
