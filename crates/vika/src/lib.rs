//! vika
