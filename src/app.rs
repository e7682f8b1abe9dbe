//! What every journey needs, built once: the folder, its configuration, the store, the keys.
