//! What a reviewer approved: a digest of each part of an issue, so that a later change can be named.
