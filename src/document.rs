//! A TOML file read key by key: every mistake found is kept with its place, an unknown key names the nearest known one.
