//! room-state
