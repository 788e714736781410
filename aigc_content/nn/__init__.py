"""Networks that run in integers, their training, and what measures them; see `docs/design.md`."""
