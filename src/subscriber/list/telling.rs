//! The columns of a list of no known service that may tell who is on it, and what becomes of words there that are not understood.
//!
//! Whether such a word is a wish for no mail or an attribute (`gold`, `Ohio`) is seen from the rest of its column. Where other lines say
//! there in known words who is on the list or not, its line is skipped and reported; where none does, the column is an attribute like any other,
//! which is said unless another column tells. So all lines have to be read before that is settled.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::bad::{BadLine, BadLines};

/// What columns are called that may tell who is on a list.
const NAMES: [&str; 3] = ["status", "state", "subscription_status"];
/// Words of a column that are named.
const NAMED: usize = 5;

/// Whether a column may tell who is on a list.
pub(super) fn may_tell(column: &str) -> bool {
    NAMES.contains(&column)
}

/// Columns that may tell who is on a list, as a set: of those that a line has words in that are not understood, or of those that do tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Doubts(u8);

impl Doubts {
    /// There is nothing to settle: no mail.
    pub const SETTLED: Self = Self(1 << 7);

    /// By its bits.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// A bit for each column.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether all is clear.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether some are in both sets.
    pub fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// With the column of this name.
    pub(super) fn with(self, column: &str) -> Self {
        let at = NAMES.iter().position(|name| *name == column);
        Self(self.0 | at.map_or(0, |at| 1 << at))
    }
}

/// What one line has in columns that may tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Columns whose words are understood.
    pub(super) understood: Doubts,
    /// Columns and words that are not.
    pub(super) unclear: Vec<(String, String)>,
}

/// A column that could have told who is on the list, and is an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// What it is called.
    pub column: String,
    /// Readers who have a word there.
    pub readers: u64,
    /// The first words.
    pub words: Vec<String>,
}

/// What becomes of words that were not understood.
#[derive(Debug, Default)]
pub struct Settled {
    /// Lines with a doubt among these are of nobody on the list.
    pub telling: Doubts,
    /// They are reported.
    pub bad: BadLines,
    /// Lines with doubts whose readers are on it all the same.
    pub readers: u64,
    /// Columns that are attributes, where none tells who is on the list.
    pub attributes: Vec<Attribute>,
}

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Telling {
    understood: Doubts,
    lines: BTreeMap<Doubts, BadLines>,
    columns: BTreeMap<String, Attribute>,
}

impl Telling {
    /// These columns tell who is on the list.
    pub(super) fn understand(&mut self, columns: Doubts) {
        self.understood.0 |= columns.0;
    }

    /// One more line. Answers its doubts.
    pub(super) fn hear(&mut self, line: u64, told: Told) -> Doubts {
        self.understand(told.understood);
        if told.unclear.is_empty() {
            return Doubts::default();
        }
        let said: Vec<_> =
            told.unclear.iter().map(|(column, word)| format!("`{word}` in its `{column}`")).collect();
        let doubts = told.unclear.iter().fold(Doubts::default(), |doubts, (column, _)| doubts.with(column));
        let reason = format!(
            "{} is no known word for who is on a list, and other lines have such words there; write `subscribed`, or take the line out",
            said.join(" or ")
        );
        self.lines.entry(doubts).or_default().add(BadLine { line, reason, whose: None });
        for (column, word) in told.unclear {
            let empty = || Attribute { column: column.clone(), readers: 0, words: Vec::new() };
            let known = self.columns.entry(column.clone()).or_insert_with(empty);
            known.readers += 1;
            if known.words.len() < NAMED && !known.words.contains(&word) {
                known.words.push(word);
            }
        }
        doubts
    }

    /// All lines were read.
    pub(super) fn settle(self) -> Settled {
        let telling = Doubts(self.understood.0 | Doubts::SETTLED.0);
        let mut settled = Settled { telling, ..Settled::default() };
        for (doubts, lines) in self.lines {
            if doubts.meet(telling) {
                settled.bad.join(lines);
            } else {
                settled.readers += lines.count;
            }
        }
        // Beside a column that tells, another is an attribute without question.
        if telling == Doubts::SETTLED {
            settled.attributes = self.columns.into_values().collect();
        }
        settled
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, readers, words } = self;
        let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
        write!(
            f,
            "no known word for who is on a list is in the column `{column}` ({}): it is taken for an attribute, and {readers} who have one get \
             mail; by another name it is one without this note",
            words.join(", ")
        )
    }
}
