//! What it costs to compose the longest issue that is shipped: all of it, and the pieces.
//!
//! Where `ISSUE_MJML` names a file, the MJML of that issue is written to it, so that another renderer can be measured by it.

#![expect(clippy::unwrap_used, reason = "a benchmark has nobody to tell")]

use std::{env, fs};

use divan::{Bencher, black_box};
use pressroom::config::Config;
use pressroom::diagnostic::Source;
use pressroom::draft::Draft;
use pressroom::issue::Issue;
use pressroom::newsletter::Newsletter;
use pressroom::render::{self, Templates};
use pressroom::sponsor::Sponsors;

fn main() {
    if let Some(path) = env::var_os("ISSUE_MJML") {
        let (issue, newsletter) = assembled();
        fs::write(path, render::mjml(&issue, &newsletter, &Templates::built_in().unwrap()).unwrap()).unwrap();
    }
    divan::main();
}

/// From the files' text to HTML and text.
#[divan::bench]
fn issue(bencher: Bencher<'_, '_>) {
    let (newsletter, templates) = (newsletter(), Templates::built_in().unwrap());
    let files = (file("drafts/212.toml"), file("sponsors.toml"));
    bencher.bench_local(|| {
        let (draft, sponsors) = black_box(files.clone());
        let sponsors = Sponsors::parse(sponsors).unwrap();
        let issue = Issue::assemble(Draft::parse(draft).unwrap(), &sponsors, &newsletter).unwrap();
        render::render(&issue, &newsletter, &templates).unwrap()
    });
}

#[divan::bench]
fn draft(bencher: Bencher<'_, '_>) {
    let file = file("drafts/212.toml");
    bencher.bench_local(|| Draft::parse(black_box(file.clone())).unwrap());
}

/// The part of it that official MJML is measured by.
#[divan::bench]
fn mjml_to_html(bencher: Bencher<'_, '_>) {
    let (issue, newsletter) = assembled();
    let mjml = render::mjml(&issue, &newsletter, &Templates::built_in().unwrap()).unwrap();
    bencher.bench_local(|| render::html_of(black_box(&mjml)).unwrap());
}

#[divan::bench]
fn rendering(bencher: Bencher<'_, '_>) {
    let ((issue, newsletter), templates) = (assembled(), Templates::built_in().unwrap());
    bencher.bench_local(|| render::render(black_box(&issue), &newsletter, &templates).unwrap());
}

fn assembled() -> (Issue, Newsletter) {
    let (newsletter, sponsors) = (newsletter(), Sponsors::parse(file("sponsors.toml")).unwrap());
    let draft = Draft::parse(file("drafts/212.toml")).unwrap();
    (Issue::assemble(draft, &sponsors, &newsletter).unwrap(), newsletter)
}

fn newsletter() -> Newsletter {
    Config::parse(file("newsletter.toml")).unwrap().newsletter
}

fn file(name: &str) -> Source {
    Source::new(name, fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap())
}
