//! What the writer of Vika keeps.
