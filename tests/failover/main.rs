//! Past one machine: the bus as a cluster of three and the database as a primary with a standby, of which a server is
//! lost under load. What was accepted is there once, and the services come back by themselves.

mod bus;
mod database;
mod load;
