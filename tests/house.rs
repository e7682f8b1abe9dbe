//! The house keeps its order: a module imports only from those above it in `lib.rs`, and the files of a folder not from each other in a loop.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it missed by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules that only the world, the journeys and the faces may know.
const WORLD_CRATES: [&str; 13] = [
    "tracing",
    "sqlx",
    "rusqlite",
    "tokio",
    "tokio_rustls",
    "rustls",
    "axum",
    "hyper",
    "reqwest",
    "indicatif",
    "getrandom",
    "std::fs",
    "std::net",
];

#[test]
fn a_module_imports_only_from_those_above_it() {
    let order = modules();
    for (position, module) in order.iter().enumerate() {
        for (file, text) in sources(module) {
            for used in paths(&text, "crate::") {
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

#[test]
fn no_files_of_a_folder_import_from_each_other_in_a_loop() {
    for module in modules() {
        let mut folders: BTreeMap<PathBuf, BTreeMap<String, Vec<String>>> = BTreeMap::new();
        for (file, text) in sources(&module) {
            let (Some(folder), Some(name)) = (file.parent(), file.file_stem()) else { continue };
            let siblings = folders.entry(folder.to_owned()).or_default();
            siblings.insert(name.to_string_lossy().into_owned(), paths(&text, "super::"));
        }
        for (folder, mut files) in folders {
            // Whoever imports from none that is left can stand below those that are.
            while let Some(done) = files
                .iter()
                .find(|(name, used)| !used.iter().any(|used| used != *name && files.contains_key(used)))
                .map(|(name, _)| name.clone())
            {
                files.remove(&done);
            }
            assert!(files.is_empty(), "a loop among {:?} of {}", files.keys(), folder.display());
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
            if path.file_stem().is_some_and(|name| name == "tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // What follows `mod tests;`, where they have a file of their own, is code.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        (path, lines.collect::<Vec<_>>().join("\n"))
    };
    files.into_iter().map(read).collect()
}

/// The first names of paths that begin so, for `crate::` those in `use crate::{a, b::c}` too.
fn paths(text: &str, root: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(root) {
        let rest = &text[at + root.len()..];
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
