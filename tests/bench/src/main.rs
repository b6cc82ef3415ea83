//! Load and fault runs against a private stack.

fn main() {}
