//! What commands do to lists: import, add, show, unsubscribe.
