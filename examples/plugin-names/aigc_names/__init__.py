"""Fantasy names for aigc_content: the complete example of a plugin."""
