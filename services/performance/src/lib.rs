//! `performance`: figures of what `room-state` has decided.
