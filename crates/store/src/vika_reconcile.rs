//! What the reader of managers' edits keeps.
