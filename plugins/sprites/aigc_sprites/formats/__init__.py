"""Writers of one file format each: a `Sprite` to the bytes of a file, the same on every machine."""
