"""Kinds of plant, one file each, found by name through `whatchanged.registry.plants`."""
