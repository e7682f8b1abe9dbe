//! The command line: one command a file; prints what journeys return, and decides nothing.
