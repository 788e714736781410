"""Importers of pictures, and the plain data set that they write."""
