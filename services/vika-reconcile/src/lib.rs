//! vika-reconcile
