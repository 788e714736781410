"""A stand-in for the Hugging Face hub, so that its own client can be tested without a network."""
