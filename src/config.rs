//! newsletter.toml and the environment, read once, made into the small values that the stages take.
