//! What capture keeps: gateways, gaps, the inbox, contacts and members.
