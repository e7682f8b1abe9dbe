//! The SMTP client: connections, capabilities, pipelined transactions.
