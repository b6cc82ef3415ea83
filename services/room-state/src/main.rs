//! The `room-state` service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(store::role::Role::RoomState, room_state::run)
}
