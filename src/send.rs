//! Sending an issue: to everyone on the list, once.
