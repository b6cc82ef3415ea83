//! The `room-state` service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main("room-state", store::role::Role::RoomState, room_state::run)
}
