"""The numbers of Katazome: layer specifications, formats, templates and the golden model."""
