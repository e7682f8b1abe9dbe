//! The house keeps its order: a module imports only from those above it in `lib.rs`.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it missed by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules that only the world, the journeys and the faces may know.
const WORLD_CRATES: [&str; 8] =
    ["tracing", "sqlx", "tokio", "tokio_rustls", "rustls", "axum", "reqwest", "indicatif"];

#[test]
fn a_module_imports_only_from_those_above_it() {
    let order = modules();
    for (position, module) in order.iter().enumerate() {
        for (file, text) in sources(module) {
            for used in crate_paths(&text) {
                let Some(at) = order.iter().position(|name| *name == used) else { continue };
                assert!(
                    at <= position,
                    "{} imports `{used}`, which stands below `{module}` in lib.rs",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn words_and_stages_know_nothing_of_the_world() {
    let order = modules();
    let world = order.iter().position(|name| name == "config").expect("lib.rs lists config");
    for module in &order[..world] {
        for (file, text) in sources(module) {
            for name in WORLD_CRATES {
                assert!(!text.contains(&format!("{name}::")), "{} uses `{name}`", file.display());
            }
        }
    }
}

fn modules() -> Vec<String> {
    let lib = fs::read_to_string(src().join("lib.rs")).expect("src/lib.rs");
    lib.lines()
        .filter_map(|line| Some(line.strip_prefix("pub mod ")?.trim_end_matches(';').to_owned()))
        .collect()
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The files of a module, its tests apart: tests may reach anywhere.
fn sources(module: &str) -> Vec<(PathBuf, String)> {
    let mut files = vec![src().join(format!("{module}.rs"))];
    let mut folders = vec![src().join(module)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                files.push(path);
            }
        }
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        (path, code)
    };
    files.into_iter().map(read).collect()
}

/// The first names of `crate::…` paths, those in `use crate::{a, b::c}` too.
fn crate_paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let name =
            |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match rest.strip_prefix('{') {
            None => found.push(name(rest)),
            Some(group) => {
                let mut depth = 0;
                for part in group.split_inclusive([',', '{', '}']) {
                    if depth == 0 {
                        found.push(name(part.trim_start()));
                    }
                    depth += match part.chars().last() {
                        Some('{') => 1,
                        Some('}') => -1,
                        _ => 0,
                    };
                    if depth < 0 {
                        break;
                    }
                }
            }
        }
    }
    found
}
