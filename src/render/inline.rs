//! CSS written into `style` attributes, for mail programs that drop `<style>`.
//!
//! mrml has css-inline for that, which costs more than all the rest of composing: it parses the HTML into a tree and
//! writes it anew. Templates need names, classes and descendants; [`Sheet::parse`] reads those, and declines the rest,
//! which css-inline then does.

use crate::render::markup::{Attribute, Scanner, Shape, Tag, Token, VOID};

/// CSS of names, classes and descendants.
#[derive(Debug, Default)]
pub(super) struct Sheet<'a> {
    rules: Vec<Rule<'a>>,
    /// Of the elements that rules are for.
    names: Vec<&'a str>,
}

/// Rules of a sheet: the bits of a `u128`.
const MOST: usize = 128;

/// One selector with what it sets.
#[derive(Debug)]
struct Rule<'a> {
    /// From the outermost to the element itself.
    path: Vec<Compound<'a>>,
    /// Classes, then names.
    specificity: (usize, usize),
    declarations: Vec<Declaration<'a>>,
}

/// `a.h`
#[derive(Debug)]
struct Compound<'a> {
    name: &'a str,
    classes: Vec<&'a str>,
}

/// `color: #fff`
#[derive(Debug, Clone, Copy)]
struct Declaration<'a> {
    property: &'a str,
    value: &'a str,
}

/// An element as selectors see it.
#[derive(Debug, Clone, Copy)]
struct Element<'a> {
    name: &'a str,
    classes: &'a str,
}

/// Stands before the number of a content that is not here: a noncharacter (Unicode 23.7), which no input holds.
pub(super) const MARK: char = '\u{fdd0}';

impl<'a> Sheet<'a> {
    /// Reads CSS; `None` where it holds more than is understood here.
    pub(super) fn parse(css: &'a str) -> Option<Self> {
        let mut rules = Vec::new();
        let mut rest = css.trim();
        while !rest.is_empty() {
            let (selectors, behind) = rest.split_once('{')?;
            let (body, behind) = behind.split_once('}')?;
            let declarations = declarations(body)?;
            for selector in selectors.split(',') {
                let path: Vec<Compound<'a>> =
                    selector.split_whitespace().map(compound).collect::<Option<_>>()?;
                let classes = path.iter().map(|compound| compound.classes.len()).sum();
                let names = path.iter().filter(|compound| !compound.name.is_empty()).count();
                if path.is_empty() {
                    return None;
                }
                rules.push(Rule { path, specificity: (classes, names), declarations: declarations.clone() });
            }
            rest = behind.trim_start();
        }
        // Stable: among equals, what comes later wins.
        rules.sort_by_key(|rule| rule.specificity);
        let names =
            rules.iter().filter_map(|rule| Some(rule.path.last()?.name)).filter(|name| !name.is_empty());
        let names = names.collect();
        (rules.len() <= MOST).then_some(Self { rules, names })
    }

    /// The HTML with every element's styles in it. Elements without an end are written as HTML writes them: `<br>`.
    ///
    /// Words that are [`MARK`] and a number stand for that one of `contents`.
    pub(super) fn apply(&self, html: &str, contents: &[&str]) -> String {
        let inner: usize = contents.iter().map(|content| content.len()).sum();
        let inlined = String::with_capacity((html.len() + inner) * 3 / 2);
        let mut page = Page { sheet: self, contents, inlined, open: Vec::new(), styles: Vec::new() };
        page.add(html);
        page.inlined
    }

    /// Which rules are for the innermost of `open`: a bit each.
    fn matching(&self, open: &[Element<'_>]) -> u128 {
        let Some(element) = open.last() else { return 0 };
        // Most elements are of a layout, of which no rule speaks.
        if element.classes.is_empty() && !self.names.contains(&element.name) {
            return 0;
        }
        let rules = self.rules.iter().enumerate().filter(|(_, rule)| matches(&rule.path, open));
        rules.fold(0, |matching, (index, _)| matching | 1 << index)
    }

    /// What these rules set together.
    fn style(&self, matching: u128) -> String {
        let mut set: Vec<Declaration<'_>> = Vec::new();
        let rules = self.rules.iter().enumerate().filter(|(index, _)| matching & (1 << index) != 0);
        rules
            .flat_map(|(_, rule)| &rule.declarations)
            .for_each(|declaration| cascade(&mut set, *declaration));
        let mut style = String::with_capacity(set.len() * 24);
        for declaration in set {
            let separator = if style.is_empty() { "" } else { ";" };
            style.extend([separator, declaration.property, ":", declaration.value]);
        }
        style
    }
}

/// HTML on its way.
struct Page<'a> {
    sheet: &'a Sheet<'a>,
    contents: &'a [&'a str],
    inlined: String,
    /// The elements around, from the outermost.
    open: Vec<Element<'a>>,
    /// Rules and what they set together: a page has many elements, and few of these.
    styles: Vec<(u128, String)>,
}

impl<'a> Page<'a> {
    fn add(&mut self, html: &'a str) {
        let mut scanner = Scanner::new(html);
        let mut written = 0;
        while let Some(token) = scanner.next() {
            match token {
                Token::Tag(tag) if tag.shape == Shape::Closes => self.close(tag.name),
                Token::Tag(tag) => {
                    self.inlined.push_str(&html[written..tag.range.start]);
                    written = tag.range.end;
                    self.open(html, &tag, scanner.attributes());
                }
                Token::Text(range) => {
                    if let Some(content) = self.content(&html[range.clone()]) {
                        self.inlined.push_str(&html[written..range.start]);
                        written = range.end;
                        self.add(content);
                    }
                }
                Token::Opaque(_) | Token::Comment(_) | Token::Doctype(_) | Token::Broken(..) => {}
            }
        }
        self.inlined.push_str(&html[written..]);
    }

    /// What a mark stands for.
    fn content(&self, words: &str) -> Option<&'a str> {
        let number: usize = words.strip_prefix(MARK)?.parse().ok()?;
        self.contents.get(number).copied()
    }

    fn open(&mut self, html: &str, tag: &Tag<'a>, attributes: &[Attribute<'a>]) {
        let value = |name| attributes.iter().find(|attribute: &&Attribute<'_>| attribute.name == name);
        self.open.push(Element { name: tag.name, classes: value("class").map_or("", |class| class.value) });
        let matching = self.sheet.matching(&self.open);
        let known = self.styles.iter().position(|(rules, _)| *rules == matching);
        let style = known.unwrap_or_else(|| {
            self.styles.push((matching, self.sheet.style(matching)));
            self.styles.len() - 1
        });
        let end = tag.range.end - if tag.shape == Shape::Empty { 2 } else { 1 };
        let own = value("style").map(|own| own.value_at - tag.range.start);
        write(&mut self.inlined, &html[tag.range.start..end], own, &self.styles[style].1);
        let void = VOID.contains(&tag.name);
        if tag.shape == Shape::Empty && !void {
            self.inlined.extend(["</", tag.name, ">"]);
        }
        if tag.shape == Shape::Empty || void {
            self.open.pop();
        }
    }

    fn close(&mut self, name: &str) {
        if let Some(position) = self.open.iter().rposition(|element| element.name == name) {
            self.open.truncate(position);
        }
    }
}

/// The later wins, and stands later, so that it also wins over a shorthand.
fn cascade<'a>(set: &mut Vec<Declaration<'a>>, declaration: Declaration<'a>) {
    set.retain(|earlier| earlier.property != declaration.property);
    set.push(declaration);
}

/// The tag with a style before its own, which so wins.
fn write(inlined: &mut String, tag: &str, own: Option<usize>, style: &str) {
    match own {
        _ if style.is_empty() => inlined.push_str(tag.trim_end()),
        Some(value) => inlined.extend([&tag[..value], style, ";", tag[value..].trim_end()]),
        None => inlined.extend([tag.trim_end(), " style=\"", style, "\""]),
    }
    inlined.push('>');
}

/// Whether the last of `open` is what a path of compounds leads to.
fn matches(path: &[Compound<'_>], open: &[Element<'_>]) -> bool {
    let (Some((last, before)), Some((element, around))) = (path.split_last(), open.split_last()) else {
        return false;
    };
    // The nearest fitting ancestor is as good as any: all steps are descendants.
    last.fits(*element) && {
        let mut wanted = before.iter().rev().peekable();
        for ancestor in around.iter().rev() {
            wanted.next_if(|compound| compound.fits(*ancestor));
        }
        wanted.peek().is_none()
    }
}

impl Compound<'_> {
    fn fits(&self, element: Element<'_>) -> bool {
        (self.name.is_empty() || self.name == element.name)
            && self
                .classes
                .iter()
                .all(|class| element.classes.split_ascii_whitespace().any(|own| own == *class))
    }
}

/// `h2.s`; `None` for what is more than a name and classes.
fn compound(word: &str) -> Option<Compound<'_>> {
    let mut parts = word.split('.');
    let name = parts.next()?;
    let classes: Vec<&str> = parts.collect();
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let fits = plain(name) && classes.iter().all(|class| !class.is_empty() && plain(class));
    fits.then_some(Compound { name, classes })
}

/// `None` where something could end a declaration or an attribute, or must outdo what an element says itself.
fn declarations(body: &str) -> Option<Vec<Declaration<'_>>> {
    if body.contains(['"', '\'', '\\', '(', '!', '<', '&']) || body.contains("/*") {
        return None;
    }
    let parts = body.split(';').map(str::trim).filter(|part| !part.is_empty());
    let declaration = |part| {
        let (property, value): (&str, &str) = str::split_once(part, ':')?;
        Some(Declaration { property: property.trim_end(), value: value.trim_start() })
    };
    parts.map(declaration).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inlined(css: &str, html: &str) -> String {
        Sheet::parse(css).expect("CSS of names and classes").apply(html, &[])
    }

    #[test]
    fn names_classes_and_descendants_find_their_elements() {
        let css = "p, .m { margin: 0; } a.h{color:red} .m a { color: blue }";
        assert_eq!(
            inlined(css, "<p>x</p><b class=\"m x\"></b>"),
            "<p style=\"margin:0\">x</p><b class=\"m x\" style=\"margin:0\"></b>"
        );
        assert_eq!(
            inlined(css, "<i class=\"m\"><b><a class=\"h\">x</a></b></i><a>y</a>"),
            "<i class=\"m\" style=\"margin:0\"><b><a class=\"h\" style=\"color:blue\">x</a></b></i><a>y</a>"
        );
    }

    #[test]
    fn what_is_more_specific_wins_then_what_comes_later_then_what_the_element_says() {
        let css =
            ".s { margin: 1px; } h2 { margin: 2px; font-size: 1px } h2 { font-size: 2px; } h2.s { font: x }";
        assert_eq!(
            inlined(css, "<h2 class=\"s\" style=\"margin:9px\">x</h2>"),
            "<h2 class=\"s\" style=\"font-size:2px;margin:1px;font:x;margin:9px\">x</h2>"
        );
    }

    #[test]
    fn elements_without_an_end_hold_nothing_and_all_others_are_ended() {
        let css = "p b { x: y }";
        assert_eq!(
            inlined(css, "<p>a<br /><img src=\"i\" />b<b>c</b><i /></p><b>d</b>"),
            "<p>a<br><img src=\"i\">b<b style=\"x:y\">c</b><i></i></p><b>d</b>"
        );
    }

    #[test]
    fn comments_and_styles_stay_as_they_are() {
        let html = "<!--[if mso]><p></p><![endif]--><style>p > b { }</style>";
        assert_eq!(inlined("p { x: y }", html), html);
    }

    #[test]
    fn what_was_taken_out_comes_back_with_its_styles() {
        let sheet = Sheet::parse("div p { x: y }").expect("CSS of names and classes");
        let html = format!("<div>{MARK}1</div><p>{MARK}0</p>{MARK}2");
        assert_eq!(
            sheet.apply(&html, &["a", "<p>b</p>"]),
            format!("<div><p style=\"x:y\">b</p></div><p>a</p>{MARK}2")
        );
    }

    #[test]
    fn css_that_says_more_is_declined() {
        for css in [
            "@media x { p { a: b } }",
            "p > b { a: b }",
            "a:hover { a: b }",
            "p { a: b !important }",
            "#x { a: b }",
            "p { a: \"b\" }",
            "p { a: url(b) }",
            "* { a: b }",
            "/* c */ p { a: b }",
            "p { a: b /* c */ }",
            "p",
            "p { a: b",
            "{ a: b }",
            "p { a }",
        ] {
            assert!(Sheet::parse(css).is_none(), "{css}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_css_and_no_html_panics(css in "[a.{}:;, @>]*", html in "([<>/=\" a]|<a class=\"a\">|</a>|<br />|style=\"a:b\")*") {
            if let Some(sheet) = Sheet::parse(&css) {
                sheet.apply(&html, &[]);
            }
        }
    }
}
