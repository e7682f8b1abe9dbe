//! Findings on an issue: what the editor should look at before readers do.
