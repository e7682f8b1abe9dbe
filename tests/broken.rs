//! Every mistake in a newsletter's files has its message: the file, the place, the remedy.
//!
//! A folder of `tests/fixtures/broken/` holds what is wrong; the rest of the newsletter's folder is [`SOUND`].

#![expect(clippy::expect_used, reason = "a test says what it missed by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use pressroom::diagnostic::Diagnostics;
use pressroom::issue::Issue;
use pressroom::render;
use pressroom::workspace::Workspace;

/// The least that can be composed.
const SOUND: [(&str, &str); 2] = [
    (
        "newsletter.toml",
        r#"
name = "Quiet Pager"
from = "Quiet Pager <editor@mail.example.com>"
list_id = "pager.example.com"
base_url = "https://mail.example.com"
postal_address = "14 Rope Walk, Exampleland"
"#,
    ),
    ("drafts/379.toml", "number = 379\ndate = 2023-07-02\n"),
];

#[test]
fn every_mistake_is_told_with_its_place_and_remedy() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/broken");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for fixture in entries(Path::new("tests/fixtures/broken")) {
        let name = fixture.file_name().expect("a name").to_string_lossy().into_owned();
        let folder = sound();
        copy(&fixture, folder.path());
        let found = compose(folder.path()).expect_err(&format!("{name} is not broken"));
        settings.bind(|| insta::assert_snapshot!(name, found.to_string()));
    }
}

#[test]
fn what_is_sound_composes() {
    assert_eq!(compose(sound().path()), Ok(()));
}

#[test]
fn a_file_too_large_for_a_person_is_not_read() {
    let folder = sound();
    fs::write(folder.path().join("drafts/379.toml"), "# and so on\n".repeat(100_000)).expect("a large draft");
    insta::assert_snapshot!(compose(folder.path()).expect_err("too large"), @r"
    × drafts/379.toml is larger than 1024 KiB
    help: it is not read at all: see whether it is the file you mean
    ");
}

#[test]
fn a_draft_that_is_not_there_is_told_with_those_that_are() {
    let folder = sound();
    let workspace = Workspace::find(folder.path()).expect("a folder");
    insta::assert_snapshot!(workspace.draft("397").expect_err("absent"), @r"
    × there is no drafts/397.toml
    help: did you mean drafts/379.toml?
    ");
    insta::assert_snapshot!(workspace.draft("210").expect_err("absent"), @r"
    × there is no drafts/210.toml
    help: the last one there is drafts/379.toml
    ");
    insta::assert_snapshot!(workspace.draft("spring.toml").expect_err("absent"), @r"
    × there is no spring.toml
    help: the last one there is drafts/379.toml
    ");
    insta::assert_snapshot!(workspace.draft("/etc/hostname").expect_err("outside"), @r"
    × /etc/hostname leads out of the newsletter's folder
    help: copy the file into the folder: nothing outside it is read
    ");
}

/// Everything that reads, up to the first stage with mistakes.
fn compose(folder: &Path) -> Result<(), Diagnostics> {
    let workspace = Workspace::find(folder)?;
    let config = workspace.config()?;
    let sponsors = workspace.sponsors()?;
    let draft = workspace.draft("379")?;
    let draft = Diagnostics(workspace.unknown_list(&draft).into_iter().collect()).or(draft)?;
    let issue = Issue::assemble(draft, &sponsors, &config.newsletter)?;
    render::render(&issue, &config.newsletter, &workspace.templates()?).map(drop)
}

fn sound() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("drafts")).expect("drafts");
    for (name, text) in SOUND {
        fs::write(folder.path().join(name), text).expect(name);
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    for path in entries(from) {
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir_all(&target).expect("a folder");
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file");
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the fixtures");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}
