//! The store: readers, frozen issues and the journal of deliveries, in SQLite.
