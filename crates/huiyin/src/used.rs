//! Which secrets a command uses. It asks for no others: an operator's machine need not hold what is a service's.

/// Where those of database and bus stand.
const SERVERS: [&str; 2] = ["database.passwords.", "bus.passwords."];

/// Those of the database and the bus.
pub(crate) fn servers() -> Vec<String> {
    servers_and(&[])
}

/// The same, and these.
pub(crate) fn servers_and(more: &[&str]) -> Vec<String> {
    SERVERS.iter().chain(more).map(|place| (*place).to_owned()).collect()
}

/// These alone.
pub(crate) fn only(places: &[&str]) -> Vec<String> {
    places.iter().map(|place| (*place).to_owned()).collect()
}
