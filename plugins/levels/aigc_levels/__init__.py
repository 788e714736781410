"""Level maps for games: generate, prove, measure, export."""
