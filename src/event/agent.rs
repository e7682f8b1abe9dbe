//! What kind of program an agent calls itself.

use aho_corasick::{AhoCorasick, BuildError, Input};

use super::AgentClass;
use super::rules::{Modern, Words};

/// Longer agents are cut: programs say who they are at the beginning.
const LONGEST: usize = 1024;

/// All words of the rules, sought in one pass.
#[derive(Debug)]
pub(super) struct Agents {
    words: AhoCorasick,
    /// For each of the words, in the order of the rules.
    told: Vec<(Where, AgentClass)>,
    modern: Vec<Modern>,
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
        let words = AhoCorasick::builder().ascii_case_insensitive(true).build(words)?;
        Ok(Self { words, told, modern })
    }

    /// The class of an agent's words; any bytes will do.
    pub(super) fn class(&self, agent: &[u8]) -> AgentClass {
        let agent = shortened(agent);
        let found = self.words.find_overlapping_iter(Input::new(agent)).filter(|found| {
            let (place, _) = self.told[found.pattern()];
            match place {
                Where::Whole => found.start() == 0 && found.end() == agent.len(),
                Where::Beginning => found.start() == 0,
                Where::Anywhere => true,
            }
        });
        let first = found.map(|found| found.pattern()).min();
        first.map_or(AgentClass::Unknown, |word| self.told[word].1)
    }

    /// Whether the browser that it calls itself sends `Sec-Fetch-Mode` with every request.
    pub(super) fn is_modern(&self, agent: &[u8]) -> bool {
        let agent = shortened(agent);
        self.modern.iter().any(|modern| {
            version(agent, modern.browser.as_bytes()).is_some_and(|version| version >= modern.from)
        })
    }
}

fn shortened(agent: &[u8]) -> &[u8] {
    agent[..agent.len().min(LONGEST)].trim_ascii()
}

/// The number behind `Name/`.
fn version(agent: &[u8], name: &[u8]) -> Option<u32> {
    let at = agent.windows(name.len()).position(|some| some.eq_ignore_ascii_case(name))?;
    let digits = agent[at + name.len()..].iter().take_while(|byte| byte.is_ascii_digit()).take(9);
    digits.fold(None, |number, digit| Some(number.unwrap_or(0) * 10 + u32::from(digit - b'0')))
}
