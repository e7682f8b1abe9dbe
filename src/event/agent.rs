//! What kind of program an agent calls itself.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, Input};
use serde::Deserialize;

use super::AgentClass;

/// Longer agents are cut: programs say who they are at the beginning.
const LONGEST: usize = 1024;

/// A browser that says how it fetches, and since which version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Modern {
    /// What stands before the version, in lower case.
    browser: String,
    from: u32,
}

/// Words of one class.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    class: AgentClass,
    #[serde(default)]
    is: Vec<String>,
    #[serde(default)]
    starts: Vec<String>,
    #[serde(default)]
    contains: Vec<String>,
}

/// All words of the rules, sought in one pass.
#[derive(Debug)]
pub(super) struct Agents {
    words: AhoCorasick,
    /// For each of the words, in the order of the rules.
    told: Vec<(Where, AgentClass)>,
    /// Whose names are the words after those.
    modern: Vec<Modern>,
}

/// What an agent's words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) class: AgentClass,
    /// The browser that it calls itself sends `Sec-Fetch-Mode` with every request.
    pub(super) is_modern: bool,
}

/// Where in an agent a word must stand.
#[derive(Debug, Clone, Copy)]
enum Where {
    Whole,
    Beginning,
    Anywhere,
}

impl Agents {
    /// The classes in the order of their tables: the first that has a word tells.
    pub(super) fn new(tables: &[Words], modern: Vec<Modern>) -> Result<Self, BuildError> {
        let (mut words, mut told) = (Vec::new(), Vec::new());
        for table in tables {
            let kinds = [
                (Where::Whole, &table.is),
                (Where::Beginning, &table.starts),
                (Where::Anywhere, &table.contains),
            ];
            for (place, some) in kinds {
                words.extend(some);
                told.extend(some.iter().map(|_| (place, table.class)));
            }
        }
        words.extend(modern.iter().map(|modern| &modern.browser));
        // Every request that is heard goes through it: some hundred kilobytes more make it a few times as fast.
        let kind = Some(AhoCorasickKind::DFA);
        let words = AhoCorasick::builder().kind(kind).ascii_case_insensitive(true).build(words)?;
        Ok(Self { words, told, modern })
    }

    /// What an agent's words tell; any bytes will do.
    pub(super) fn told(&self, agent: &[u8]) -> Told {
        let agent = shortened(agent);
        let (mut first, mut is_modern) = (None::<usize>, false);
        let mut seen = vec![false; self.modern.len()];
        for found in self.words.find_overlapping_iter(Input::new(agent)) {
            let word = found.pattern().as_usize();
            match self.told.get(word) {
                Some((place, _)) if place.holds(found.range(), agent.len()) => {
                    first = Some(first.map_or(word, |first| first.min(word)));
                }
                Some(_) => {}
                // Where a name stands twice, the first one counts.
                None => {
                    let browser = word - self.told.len();
                    if !std::mem::replace(&mut seen[browser], true) {
                        let version = number(&agent[found.end()..]);
                        is_modern |= version.is_some_and(|version| version >= self.modern[browser].from);
                    }
                }
            }
        }
        Told { class: first.map_or(AgentClass::Unknown, |word| self.told[word].1), is_modern }
    }
}

impl Where {
    fn holds(self, found: Range<usize>, length: usize) -> bool {
        match self {
            Self::Whole => found == (0..length),
            Self::Beginning => found.start == 0,
            Self::Anywhere => true,
        }
    }
}

fn shortened(agent: &[u8]) -> &[u8] {
    agent[..agent.len().min(LONGEST)].trim_ascii()
}

/// The number that text begins with.
fn number(text: &[u8]) -> Option<u32> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).take(9);
    digits.fold(None, |number, digit| Some(number.unwrap_or(0) * 10 + u32::from(digit - b'0')))
}
