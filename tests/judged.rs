//! Every shipped issue before judges: html-validate and a browser look at its HTML, Python's strict parser at its message, and the
//! rules of the text edition are read off its text.
//!
//! The judges are installed by `./check`.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it missed by panicking")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use pressroom::app::App;
use pressroom::server::Server;
use tempfile::TempDir;
use textwrap::core::display_width;

#[test]
fn html_validate_finds_no_error() {
    judge(&["node", "html.mjs"], "issue.html");
}

#[test]
fn no_mail_program_copes_worse_than_the_baseline_says() {
    judge(&["node", "support.mjs"], "issue.html");
}

#[test]
fn readers_can_use_it_at_every_width_in_light_and_dark_without_images_and_without_styles() {
    judge(&["node", "page.mjs"], "issue.html");
}

#[test]
fn python_parses_the_message_without_a_defect() {
    judge(&["python3", "message.py", "--form"], "issue.eml");
}

#[test]
fn the_same_files_give_the_same_bytes_in_two_folders_and_on_two_runs() {
    let (one, other) = (Composed::new(), Composed::new());
    other.compose();
    for number in &one.numbers {
        for name in ["issue.html", "issue.txt", "issue.eml"] {
            let first = fs::read(one.file(number, name)).expect("composed");
            assert!(
                first == fs::read(other.file(number, name)).expect("composed"),
                "{number}/{name} differs"
            );
        }
    }
}

#[test]
fn outlooks_conditionals_are_balanced_and_nothing_is_loaded_but_the_editors_images() {
    for (number, html) in Composed::new().read("issue.html") {
        let count = |needle: &str| html.matches(needle).count();
        assert_eq!(count("<!--[if"), count("<![endif]"), "issue {number}: `[if` and `endif`");
        for forbidden in ["@import", "<link", "<script", "<form", "<iframe", "<svg", "data:", "javascript:"] {
            assert!(!html.contains(forbidden), "issue {number} holds `{forbidden}`");
        }
        assert_eq!(count("<h1"), 1, "issue {number}: one h1");
        for source in attributes(&html, "src") {
            assert!(source.starts_with("https://images.example.com/"), "issue {number} loads {source}");
        }
    }
}

#[test]
fn every_link_of_the_html_stands_in_the_text_once_and_in_the_same_order() {
    let composed = Composed::new();
    let texts = composed.read("issue.txt");
    for ((number, html), (_, text)) in composed.read("issue.html").iter().zip(&texts) {
        let places: Vec<String> =
            attributes(html, "href").into_iter().filter(|url| url.starts_with("http")).collect();
        let written: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with("http")).collect();
        assert!(places.len() > 5, "issue {number} has links");
        assert_eq!(places, written, "issue {number}");
    }
}

#[test]
fn the_text_keeps_to_72_columns_but_for_what_cannot_be_broken() {
    for (number, text) in Composed::new().read("issue.txt") {
        for line in text.lines().filter(|line| display_width(line) > 72) {
            let words = line.trim_start_matches(|c: char| " >*-.".contains(c) || c.is_ascii_digit());
            assert!(!words.contains(' '), "issue {number} has a line of {}: {line}", display_width(line));
        }
    }
}

#[test]
fn the_text_is_clean() {
    const ZERO_WIDTH: [char; 5] = ['\u{200b}', '\u{200c}', '\u{feff}', '\u{034f}', '\u{ad}'];
    for (number, text) in Composed::new().read("issue.txt") {
        for line in text.lines() {
            assert!(!line.ends_with(char::is_whitespace), "issue {number} has blanks at the end of: {line}");
            for start in ["-- ", "From ", ">"] {
                assert!(!line.starts_with(start), "issue {number} has a line that starts with `{start}`");
            }
        }
        for dirt in ["\n\n\n\n", "&amp;", "&nbsp;", "&#", "[image", "\r", "\t"] {
            assert!(!text.contains(dirt), "issue {number} holds {dirt:?}");
        }
        assert!(!text.contains(ZERO_WIDTH), "issue {number} holds a character without width");
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "issue {number} ends with one line end");
    }
}

#[test]
fn the_readers_pages_can_be_used_on_a_phone_and_on_a_desktop_in_light_and_dark() {
    let composed = Composed::new();
    let text = composed.text("newsletter.toml")
        + "\n[serve.lists]\nreaders = \"Every Sunday: reading for people who keep things running\"\noutages = \"Outages only\"\n";
    fs::write(composed.folder.path().join("newsletter.toml"), text).expect("a file");
    composed.run(&["send", "214", "--yes"]);
    let messages = entries(&composed.folder.path().join("build/inbox/new"));
    let message = fs::read_to_string(&messages[0]).expect("a message").replace("=\r\n", "");
    let link = |what: &str| {
        let (_, rest) = message.split_once(&format!("https://mail.example.com/214/{what}/")).expect("a link");
        let token: String =
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        format!("/214/{what}/{token}")
    };
    let (leave, choose) = (link("unsubscribe"), link("preferences"));
    let specimen =
        fs::read_to_string(composed.file("214", "issue.eml")).expect("a message").replace("=\r\n", "");
    let (_, specimen) = specimen.split_once("https://mail.example.com/214/1/").expect("a link");
    let specimen: String =
        specimen.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = serve(&composed, &runtime);
    let confirm = confirmation(&composed, &runtime, &server);
    let pages = [
        "/subscribe".to_owned(),
        confirm.clone(),
        format!("{confirm}#press=Yes%2C%20subscribe%20me"),
        format!("/214/1/{specimen}"),
        "/nothing".to_owned(),
        "/unsubscribe".to_owned(),
        choose.clone(),
        format!("{choose}#press=Save"),
        leave.clone(),
        format!("{leave}#press=Unsubscribe"),
        "/issues/214".to_owned(),
    ];
    let pages: Vec<String> = pages.iter().map(|page| format!("http://{}{page}", server.addr())).collect();
    found_nothing(&["node", "page.mjs"], &pages);
    runtime.block_on(server.stop());
}

#[test]
fn the_form_on_anybodys_page_and_whatever_it_is_answered_can_be_used_too() {
    let composed = Composed::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = serve(&composed, &runtime);
    let ask = |method: &str, path: &str, body: &str| runtime.block_on(asked(&server, method, path, body));
    let mut shown = Vec::new();
    let mut show = |name: &str, page: String| {
        let path = composed.folder.path().join(name);
        fs::write(&path, page).expect("a page");
        shown.push(path);
    };
    let (form, style) = (ask("GET", "/subscribe/form", ""), ask("GET", "/style.css", ""));
    fs::write(composed.folder.path().join("style.css"), &style).expect("a stylesheet");
    let blog = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>A blog</title><style>{style}</style></head>\
         <body><main><h1>A blog</h1>{form}</main></body></html>"
    );
    show("blog.html", blog);
    for (name, body, words) in [
        ("mistake.html", "email=ada", "role=\"alert\""),
        ("asked.html", "email=ada%40example.com", "Look into your inbox"),
        ("not-understood.html", NO_FORM, "This was not understood"),
    ] {
        let page = ask("POST", "/subscribe", body);
        assert!(page.contains(words), "{name}: {page}");
        show(name, page);
    }
    let too_many = loop {
        let page = ask("POST", "/subscribe", "email=ada%40example.com");
        if page.contains("Not so fast") {
            break page;
        }
    };
    show("too-many.html", too_many);
    found_nothing(&["node", "page.mjs", "--pages"], &shown);
    runtime.block_on(server.stop());
}

fn serve(composed: &Composed, runtime: &tokio::runtime::Runtime) -> Server {
    let app =
        App::open(composed.folder.path(), Arc::new(|| jiff::Timestamp::UNIX_EPOCH)).expect("the folder");
    runtime.block_on(Server::start(&app, "127.0.0.1:0".parse().ok())).expect("the server starts")
}

/// The path of the link in the mail that asks back.
fn confirmation(composed: &Composed, runtime: &tokio::runtime::Runtime, server: &Server) -> String {
    runtime.block_on(asked(server, "POST", "/subscribe", "email=newcomer%40example.com"));
    let inbox = composed.folder.path().join("build/inbox/new");
    loop {
        let messages = entries(&inbox).into_iter().filter_map(|message| fs::read_to_string(message).ok());
        for message in messages.filter(|message| message.contains("newcomer@example.com")) {
            let message = message.replace("=\r\n", "");
            if let Some((_, path)) = message.split_once("https://mail.example.com/confirm/") {
                return format!("/confirm/{}", path.split_whitespace().next().unwrap_or_default());
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// What no form sends.
const NO_FORM: &str = "{}";

/// What the server answers.
async fn asked(server: &Server, method: &str, path: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server.addr()).await.expect("it listens");
    let length = body.len();
    let kind = if body == NO_FORM { "Content-Type: application/json\r\n" } else { "" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{kind}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

/// Has a judge of `tests/judges` look at a file of every issue; what it finds is the test's failure.
fn judge(command: &[&str], name: &str) {
    let composed = Composed::new();
    let files: Vec<PathBuf> = composed.numbers.iter().map(|number| composed.file(number, name)).collect();
    found_nothing(command, &files);
}

fn found_nothing(command: &[&str], what: &[impl AsRef<OsStr>]) {
    let judges = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges");
    let output = Command::new(command[0])
        .arg(judges.join(command[1]))
        .args(&command[2..])
        .args(what)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; ./check installs the judges", command[0]));
    assert!(output.status.success(), "{} says:\n{}", command[1], said(&output));
}

/// The shipped newsletter in a folder of its own, each of its drafts composed; and the drafts that try the design's limits.
struct Composed {
    folder: TempDir,
    numbers: Vec<String>,
}

impl Composed {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["newsletter.toml", "sponsors.toml", "drafts", "templates", "subscribers"] {
            copy(&repository.join(name), &folder.path().join(name));
        }
        copy(&repository.join("tests/fixtures/limits"), &folder.path().join("drafts"));
        let mut numbers: Vec<String> = entries(&folder.path().join("drafts"))
            .iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        numbers.sort();
        let composed = Self { folder, numbers };
        composed.compose();
        composed
    }

    fn compose(&self) {
        for number in &self.numbers {
            self.run(&["compose", number]);
        }
    }

    fn run(&self, arguments: &[&str]) {
        let output = Command::new(env!("CARGO_BIN_EXE_pressroom"))
            .arg("-C")
            .arg(self.folder.path())
            .args(arguments)
            .output()
            .expect("pressroom starts");
        assert!(output.status.success(), "{arguments:?}:\n{}", said(&output));
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).expect("a text")
    }

    fn file(&self, number: &str, name: &str) -> PathBuf {
        self.folder.path().join("build").join(number).join(name)
    }

    /// This file of every issue, with its number.
    fn read(&self, name: &str) -> Vec<(String, String)> {
        let text = |number: &String| fs::read_to_string(self.file(number, name)).expect("composed");
        self.numbers.iter().map(|number| (number.clone(), text(number))).collect()
    }
}

/// The values of an attribute, in order and unescaped.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let value = |text: &str| text.split('"').next().unwrap_or_default().replace("&amp;", "&");
    html.split(&format!(" {name}=\"")).skip(1).map(value).collect()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// A file, or a folder with all in it; nothing where there is nothing.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder");
        for path in entries(from) {
            copy(&path, &to.join(path.file_name().expect("a name")));
        }
    } else if from.exists() {
        fs::copy(from, to).expect("a copy");
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}
