use std::fs;

use super::*;
use crate::render::Templates;

const DRAFT: &str = "number = 379\ndate = 2023-07-02\n";

/// A newsletter's folder with these files.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("newsletter.toml", "")].iter().chain(files) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let workspace = Workspace::find(folder.path()).unwrap();
    (folder, workspace)
}

fn kinds<T>(result: Result<T, Diagnostics>) -> Vec<&'static str> {
    result.err().unwrap_or_default().0.iter().map(|diagnostic| diagnostic.kind).collect()
}

#[test]
fn the_folder_is_found_from_any_folder_within() {
    let (folder, workspace) = folder(&[("drafts/deep/379.toml", DRAFT)]);
    let found = Workspace::find(&folder.path().join("drafts/deep")).unwrap();
    assert_eq!(found.root(), workspace.root());
    assert!(Workspace::find(&folder.path().join("nowhere")).is_err());
}

#[test]
fn without_a_folder_the_editor_is_told_what_was_looked_for_and_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let error = Workspace::find(empty.path()).unwrap_err().to_string();
    assert!(error.starts_with("no newsletter.toml in ") && error.ends_with("`-C DIR`"), "{error}");
}

#[test]
fn a_draft_is_called_by_number_or_by_path() {
    let (folder, workspace) = folder(&[("drafts/379.toml", DRAFT)]);
    for named in ["379", "drafts/379.toml", "./drafts/379.toml", "drafts/../drafts/379.toml"] {
        assert_eq!(
            workspace.draft(named).map(|draft| draft.source.name().to_owned()).unwrap(),
            "drafts/379.toml"
        );
    }
    let below = Workspace::find(&folder.path().join("drafts")).unwrap();
    assert!(below.draft("379.toml").is_ok() && below.draft("drafts/379.toml").is_ok());
    assert_eq!(kinds(workspace.draft("380")), ["absent"]);
}

#[test]
fn nothing_outside_the_folder_is_read() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("379.toml");
    fs::write(&secret, DRAFT).unwrap();
    let (folder, workspace) = folder(&[("drafts/380.toml", "")]);
    let climbing = format!("../{}/379.toml", outside.path().file_name().unwrap().to_str().unwrap());
    assert_eq!(kinds(workspace.draft(secret.to_str().unwrap())), ["outside"]);
    assert_eq!(kinds(workspace.draft(&climbing)), ["outside"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, folder.path().join("drafts/379.toml")).unwrap();
        assert_eq!(kinds(workspace.draft("379")), ["outside"]);
        std::os::unix::fs::symlink(&secret, folder.path().join("sponsors.toml")).unwrap();
        assert_eq!(kinds(workspace.sponsors()), ["outside"]);
    }
    assert_eq!(kinds(workspace.draft("drafts")), ["not-a-file"]);
}

#[test]
fn two_drafts_of_one_number_are_both_named() {
    let (_folder, workspace) = folder(&[("drafts/379.toml", DRAFT), ("drafts/next.toml", DRAFT)]);
    let found = workspace.draft("379").unwrap_err();
    let names: Vec<_> = found.0[0].spots.iter().map(|spot| spot.source.name()).collect();
    assert_eq!(names, ["drafts/379.toml", "drafts/next.toml"]);
    assert_eq!(kinds(workspace.draft("drafts/next.toml")), ["repeated-number"]);
}

#[test]
fn a_draft_called_by_a_number_holds_that_number() {
    let (_folder, workspace) = folder(&[("drafts/380.toml", DRAFT)]);
    assert_eq!(kinds(workspace.draft("380")), ["misnamed-draft"]);
}

#[test]
fn a_draft_for_a_list_without_a_file_is_told_of_the_lists_there_are() {
    let text = format!("{DRAFT}list = \"reders\"\n");
    let (_folder, workspace) = folder(&[("drafts/379.toml", &text), ("subscribers/readers.csv", "email\n")]);
    let found = workspace.unknown_list(&workspace.draft("379").unwrap()).unwrap();
    assert_eq!(found.message, "no list `reders` in subscribers/; did you mean `readers`?");
}

#[test]
fn without_sponsors_there_are_none() {
    let (_folder, workspace) = folder(&[]);
    assert!(workspace.sponsors().unwrap().sponsors.is_empty());
}

#[test]
fn a_file_too_large_is_not_read() {
    let (_folder, workspace) = folder(&[("sponsors.toml", &"#\n".repeat(600_000))]);
    assert_eq!(kinds(workspace.sponsors()), ["too-large"]);
}

#[test]
fn the_editors_templates_come_before_the_built_in_ones_and_bring_their_parts() {
    let (folder, workspace) = folder(&[
        ("templates/issue.txt", "mine"),
        ("templates/parts/footer.mjml", "<mj-text>mine</mj-text>"),
        ("templates/notes.md", "not a template"),
    ]);
    let templates = workspace.templates().unwrap();
    let built_in = Templates::built_in().unwrap();
    let files: Vec<_> = templates.sources().map(|file| (file.name(), file.text())).collect();
    assert_eq!(
        files,
        [
            ("templates/issue.mjml", built_in.sources().next().unwrap().text()),
            ("templates/issue.txt", "mine"),
            ("templates/parts/footer.mjml", "<mj-text>mine</mj-text>"),
        ]
    );
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("templates/parts/host.txt")).unwrap();
        assert_eq!(kinds(workspace.templates()), ["outside"]);
    }
}

#[test]
fn a_trial_has_a_store_of_its_own() {
    let (_folder, workspace) = folder(&[]);
    let config = |smtp: &str| {
        let least = "name = 'Q'\nfrom = 'q@mail.example.com'\nlist_id = 'q.example.com'\n\
                     base_url = 'https://mail.example.com'\npostal_address = 'Exampleland'\n";
        Config::parse(Source::new("newsletter.toml", format!("{least}[smtp]\nurl = '{smtp}'\n"))).unwrap()
    };
    let file = |smtp: &str| match workspace.store(&config(smtp)) {
        StoreUrl::Sqlite(path) => path,
        StoreUrl::Postgres(_) => panic!("a server"),
    };
    assert_eq!(file("inbox"), workspace.root().join("trial.db"));
    assert_eq!(file("smtps://relay.example.com"), workspace.root().join("pressroom.db"));
    assert_eq!(workspace.keys_path(&StoreUrl::default()), workspace.root().join("pressroom.keys"));
}
