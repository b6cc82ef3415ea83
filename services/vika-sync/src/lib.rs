//! vika-sync
