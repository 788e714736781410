"""Importers of hand-made dungeon maps, and the plain format they write."""
