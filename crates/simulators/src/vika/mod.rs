//! Vika: the Fusion API over sheets kept in memory.
