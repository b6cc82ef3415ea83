//! Operating a system that has been running for a while, against real servers and simulators of Vika and Feishu:
//! backups are brought back, figures are counted anew, old texts go.

mod backup;
mod company;
mod recompute;
mod retention;
