//! What an editor's words cost: reading a draft of thirty articles, its Markdown as markup and as plain text.
//!
//! `cargo bench --bench prose`

use divan::{Bencher, black_box};
use pressroom::diagnostic::Source;
use pressroom::draft::Draft;
use pressroom::markdown::{Prose, html, text};

const DRAFT: &str = include_str!("../drafts/212.toml");

fn main() {
    divan::main();
}

fn blurbs() -> Vec<Prose> {
    let draft = Draft::parse(Source::new("drafts/212.toml", DRAFT));
    draft.into_iter().flat_map(|draft| draft.articles).map(|article| article.blurb).collect()
}

#[divan::bench]
fn a_draft_is_read() -> bool {
    Draft::parse(Source::new("drafts/212.toml", black_box(DRAFT))).is_ok()
}

#[divan::bench]
fn blurbs_are_read(bencher: Bencher<'_, '_>) {
    let blurbs: Vec<String> = blurbs().iter().map(|blurb| text::render(blurb, 132, "")).collect();
    bencher.bench(|| blurbs.iter().map(|blurb| Prose::parse(black_box(blurb)).0.blocks.len()).sum::<usize>());
}

#[divan::bench]
fn blurbs_become_markup(bencher: Bencher<'_, '_>) {
    let blurbs = blurbs();
    bencher.bench(|| blurbs.iter().map(|blurb| html::render(black_box(blurb)).len()).sum::<usize>());
}

#[divan::bench]
fn blurbs_become_plain_text(bencher: Bencher<'_, '_>) {
    let blurbs = blurbs();
    bencher.bench(|| blurbs.iter().map(|blurb| text::render(black_box(blurb), 72, "").len()).sum::<usize>());
}
