"""Handwritten digits for aigc_content: the smallest complete plugin."""
