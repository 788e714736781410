"""What the gallery's tests and its benchmark share: a painter of pretended builds, and a hand on Chromium."""
