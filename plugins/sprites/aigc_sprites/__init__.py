"""Pixel-art characters, creatures, items and tiles for aigc_content."""
