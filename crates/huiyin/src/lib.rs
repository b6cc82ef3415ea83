//! huiyin
