//! Tera: an editor's template is filled, and what is wrong with it is said in the editor's file.

use std::fmt::Write as _;
use std::ops::Range;

use tera::{Context, ErrorKind, Kwargs, State, Tera, Value};

use crate::diagnostic::{Diagnostic, Diagnostics, Source, Spot};
use crate::document::nearest;
use crate::render::context::WIDTH;
use crate::render::fields::Fields;
use crate::render::segments::{Kind, Segment, segments, unended};
use crate::wrap::wrap;

/// What Tera calls a template that it does not keep: the subject.
pub(super) const ONE_OFF: &str = "__tera_one_off";

/// A template's file, its fields taken out.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// By which Tera knows it.
    pub(super) name: String,
    /// As the editor wrote it; of the same length as `text`.
    pub(super) source: Source,
    /// As Tera reads it.
    pub(super) text: String,
    /// Where the text begins in the source: more than 0 only for a subject.
    pub(super) offset: usize,
}

/// A template with all that it may include, ready to be filled.
#[derive(Debug, Clone)]
pub(super) struct Template {
    tera: Tera,
    files: Vec<File>,
}

impl Template {
    /// Reads `files`, the first of which is filled. What is written is escaped for HTML if `escape`.
    pub(super) fn new(files: Vec<File>, fields: &Fields, escape: bool) -> Result<Self, Diagnostics> {
        let mut tera = Tera::default();
        tera.autoescape_on(escape.then_some(""));
        tera.register_filter("wrap", |text: &str, _: Kwargs, _: &State<'_>| wrap(text, WIDTH, "", ""));
        let mut template = Self { tera, files };
        template.answer(fields);
        let texts = template.files.iter().map(|file| (file.name.as_str(), file.text.as_str()));
        match template.tera.add_raw_templates(texts) {
            Ok(()) => Ok(template),
            Err(error) => Err(diagnostics(&error, &template.files)),
        }
    }

    /// Has these fields leave their sentinels from now on.
    pub(super) fn answer(&mut self, fields: &Fields) {
        for (name, sentinel) in fields.sentinels() {
            let answer = move |_: Kwargs, _: &State<'_>| Value::safe_string(&sentinel);
            self.tera.register_function(name, answer);
        }
    }

    /// The files, the first of which is filled.
    pub(super) fn files(&self) -> &[File] {
        &self.files
    }

    /// The first file, filled.
    pub(super) fn fill(&self, context: &Context) -> Result<String, Diagnostics> {
        let main = self.files.first().map_or("", |file| &file.name);
        self.tera.render(main, context).map_err(|error| diagnostics(&error, &self.files))
    }

    /// A [`ONE_OFF`] template, filled.
    pub(super) fn fill_line(&self, line: &File, context: &Context) -> Result<String, Diagnostics> {
        self.tera.render_str(&line.text, context, false).map_err(|error| {
            let files: Vec<File> = std::iter::once(line).chain(&self.files).cloned().collect();
            diagnostics(&error, &files)
        })
    }

    /// The first file, filled again, with the place in the templates of whatever was copied from them.
    ///
    /// Slower: for what is wrong with something already filled.
    pub(super) fn trace(&self, fields: &Fields, context: &Context) -> Result<Traced<'_>, Diagnostics> {
        let marked = |(index, file): (usize, &File)| File { text: mark(index, &file.text), ..file.clone() };
        let marked = self.files.iter().enumerate().map(marked).collect();
        Ok(Traced::new(&Self::new(marked, fields, true)?.fill(context)?, &self.files))
    }
}

/// Before a mark and behind it: control characters that no template holds.
const MARK: (char, char) = ('\u{1}', '\u{2}');

/// A template with marks wherever something is copied from it: at its start, after every computed piece, before every `<`.
fn mark(file: usize, text: &str) -> String {
    let mut marked = String::with_capacity(text.len() * 2);
    for segment in segments(text) {
        if segment.kind != Kind::Text {
            marked.push_str(segment.text);
            continue;
        }
        let mut start = 0;
        while start < segment.text.len() {
            let rest = &segment.text[start..];
            let end = rest.char_indices().skip(1).find(|(_, c)| *c == '<').map_or(rest.len(), |(at, _)| at);
            let _ = write!(marked, "{}{file} {} {end}{}", MARK.0, segment.start + start, MARK.1);
            marked.push_str(&rest[..end]);
            start += end;
        }
    }
    marked
}

/// A filled template that knows what came from where.
pub(super) struct Traced<'a> {
    /// What Tera wrote.
    pub(super) text: String,
    files: &'a [File],
    /// In the order of the text: where a copied piece begins, its file, its place there, its length.
    marks: Vec<[usize; 4]>,
}

impl<'a> Traced<'a> {
    fn new(marked: &str, files: &'a [File]) -> Self {
        let mut text = String::with_capacity(marked.len());
        let mut marks = Vec::new();
        for (index, piece) in marked.split(MARK.0).enumerate() {
            let Some((mark, rest)) = piece.split_once(MARK.1).filter(|_| index > 0) else {
                text.push_str(piece);
                continue;
            };
            let mut numbers = mark.split(' ').filter_map(|number| number.parse().ok());
            if let (Some(file), Some(place), Some(length)) = (numbers.next(), numbers.next(), numbers.next())
            {
                marks.push([text.len(), file, place, length]);
            }
            text.push_str(rest);
        }
        Self { text, files, marks }
    }

    /// Where in the templates a place of the text comes from: exactly where it was copied, else where it was written.
    pub(super) fn spot(&self, range: Range<usize>, label: &str) -> Option<Spot> {
        let mark = self.marks.partition_point(|mark| mark[0] <= range.start).checked_sub(1)?;
        let [start, file, place, length] = self.marks[mark];
        let file = self.files.get(file)?;
        let from = (range.start - start).min(length);
        let to = (range.end - start).min(length);
        Some(file.source.spot(place + from..place + to, label))
    }
}

fn diagnostics(error: &tera::Error, files: &[File]) -> Diagnostics {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            reported(report.message(), report.filename(), report.span().range.clone(), files).into()
        }
        ErrorKind::CircularInclude { include_chain: chain, .. }
        | ErrorKind::CircularExtend { inheritance_chain: chain, .. } => circular(chain, files).into(),
        ErrorKind::MissingParent { current, parent } => {
            let others: Vec<File> = files.iter().filter(|file| file.name != *current).cloned().collect();
            let (message, help) = reworded(&format!("Unknown template `{parent}`"), &others);
            let fault = Diagnostic::error("template", message).help(help);
            naming(current, parent, files).into_iter().fold(fault, Diagnostic::at).into()
        }
        kind => {
            let message = kind.to_string();
            let drawn: Vec<Diagnostic> =
                message.split("error: ").filter_map(|drawn| read_back(drawn, files)).collect();
            match files.first() {
                Some(file) if drawn.is_empty() => Diagnostic::error("template", sentence(&message))
                    .at(file.source.spot(file.offset..file.offset, ""))
                    .into(),
                _ => Diagnostics(drawn),
            }
        }
    }
}

/// Templates that need each other, the first of which is the last.
fn circular(chain: &[String], files: &[File]) -> Diagnostic {
    let name = chain.first().map_or("", String::as_str);
    let fault = Diagnostic::error("template", format!("{name} is part of itself: {}", chain.join(" needs ")))
        .help("take one of these away");
    chain.windows(2).filter_map(|pair| naming(&pair[0], &pair[1], files)).fold(fault, Diagnostic::at)
}

/// Where one template includes or extends another.
fn naming(name: &str, other: &str, files: &[File]) -> Option<Spot> {
    let file = files.iter().find(|file| file.name == name)?;
    let names = |segment: &Segment<'_>| {
        let quoted = segment.inner().1.split(['"', '\'', '`']).nth(1);
        matches!(segment.keyword(), "include" | "extends") && quoted == Some(other)
    };
    let segment = segments(&file.text).into_iter().find(names)?;
    Some(file.source.spot(segment.start..segment.start + segment.text.len(), ""))
}

/// A diagnostic of unknown names, which Tera gives only as it draws them: message, ` --> file:line:column`, carets.
fn read_back(drawn: &str, files: &[File]) -> Option<Diagnostic> {
    let (message, rest) = drawn.split_once('\n')?;
    let mut place = rest.lines().next()?.trim_start().strip_prefix("--> ")?.rsplitn(3, ':');
    let column: usize = place.next()?.parse().ok()?;
    let line: usize = place.next()?.parse().ok()?;
    let name = place.next()?;
    let file = files.iter().find(|file| file.name == name)?;
    let start = offset(&file.text, line, column)?;
    let length = drawn.matches('^').count();
    Some(reported(message, name, start..start + length, files))
}

/// The byte at a line and a column, both counted from 1, the column in characters.
pub(super) fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let within = text[start..].char_indices().nth(column.checked_sub(1)?);
    Some(start + within.map_or(text.len() - start, |(at, _)| at))
}

fn reported(message: &str, name: &str, range: Range<usize>, files: &[File]) -> Diagnostic {
    let (message, help) = reworded(message, files);
    let diagnostic = Diagnostic::error("template", message).help(help);
    let Some(file) = files.iter().find(|file| file.name == name) else { return diagnostic };
    if let Some(block) = unended(&file.text).filter(|_| range.end >= file.text.len()) {
        let start = file.offset + block.start;
        return Diagnostic::error("template", format!("`{{% {} %}}` is never ended", block.keyword()))
            .at(file.source.spot(start..start + block.text.len(), ""))
            .help(format!("write `{{% end{} %}}` where it ends", block.keyword()));
    }
    let end = file.source.text().len();
    let clamp = |at: usize| (at + file.offset).min(end);
    diagnostic.at(file.source.spot(clamp(range.start)..clamp(range.end), ""))
}

/// Tera's message in the words of the house, and the remedy.
fn reworded(message: &str, files: &[File]) -> (String, String) {
    let name = message.split('`').nth(1).unwrap_or_default();
    if let Some((found, expected)) = message.split_once(" but expected ") {
        let found = found.trim_start_matches("Found ");
        let help = match sentence(expected).as_str() {
            "}}" => "end with `}}` what `{{` began; for two braces in text, write `{{ \"{{\" }}`".to_owned(),
            expected => format!("Tera expects {expected}"),
        };
        return (format!("{found} does not belong here"), help);
    }
    if let Some((_, names)) = message.split_once(" Available ") {
        let names: Vec<&str> =
            names.split_once(": ").map_or(vec![], |(_, names)| names.split(", ").collect());
        let names: Vec<&str> = names.into_iter().filter(|name| !name.starts_with("__")).collect();
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("here are: {}", names.join(", ")),
        };
        return (format!("there is no `{name}` here"), help);
    }
    let near = |known: &mut dyn Iterator<Item = &str>| {
        nearest(name, known).map(|near| format!("did you mean `{near}`?"))
    };
    let help = match message.split_once(" `").map(|(kind, _)| kind) {
        Some("Unknown filter") => near(&mut FILTERS.iter().copied())
            .or_else(|| Some(format!("filters are called {}", FILTERS.join(", ")))),
        Some("Unknown function") => {
            let only = "there is only `range`: a template sees neither clock nor environment nor files";
            near(&mut ["range"].into_iter()).or_else(|| Some(only.to_owned()))
        }
        Some("Unknown test") => near(&mut TESTS.iter().copied())
            .or_else(|| Some(format!("tests are called {}", TESTS.join(", ")))),
        Some("Unknown template") => near(&mut files.iter().map(|file| file.name.as_str()))
            .or_else(|| Some("put the file into templates/".to_owned())),
        _ => {
            REMEDIES.iter().find(|(words, _)| message.contains(words)).map(|(_, remedy)| (*remedy).to_owned())
        }
    };
    (sentence(message), help.unwrap_or_default())
}

/// What to do where Tera says what is wrong and no more.
const REMEDIES: [(&str, &str); 3] = [
    ("divide by 0", "ask with `{% if %}` first whether there is anything to divide by"),
    (
        "exceeds the limit",
        "write a smaller `end`; articles are gone through by `{% for article in issue.articles %}`",
    ),
    ("first tag of the template", "move it to the beginning of the file"),
];

/// Tera's filters and ours, to name the nearest.
const FILTERS: &[&str] = &[
    "abs",
    "capitalize",
    "default",
    "escape",
    "first",
    "float",
    "get",
    "group_by",
    "indent",
    "int",
    "join",
    "keys",
    "last",
    "length",
    "lower",
    "newlines_to_br",
    "nth",
    "pairs",
    "pluralize",
    "replace",
    "reverse",
    "round",
    "safe",
    "sort",
    "split",
    "str",
    "title",
    "trim",
    "trim_end",
    "trim_start",
    "truncate",
    "unique",
    "upper",
    "values",
    "wordcount",
    "wrap",
];

/// Tera's tests.
const TESTS: &[&str] = &[
    "array",
    "bool",
    "containing",
    "defined",
    "divisible_by",
    "ending_with",
    "even",
    "float",
    "integer",
    "iterable",
    "map",
    "none",
    "number",
    "odd",
    "starting_with",
    "string",
    "undefined",
];

/// Lower case at the start, no full stop at the end.
fn sentence(message: &str) -> String {
    let message = message.trim_end_matches('.');
    let mut chars = message.chars();
    let first = chars.next().map(char::to_lowercase).into_iter().flatten();
    first.chain(chars).collect()
}
