"""The gallery: one page, opened from disk, where a person looks at what a build made and picks the good ones."""

from __future__ import annotations

from aigc_content.gallery.pages import GalleryFailure, GalleryItem, gallery_files

__all__ = ["GalleryFailure", "GalleryItem", "gallery_files"]
