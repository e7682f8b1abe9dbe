//! The columns that no known service's table has and that may tell who is on a list, and what becomes of words there that are not understood.
//!
//! Whether such a word is a wish for no mail or an attribute (`gold`, `Ohio`) is seen from the rest of its column. Where other lines say
//! there in known words who is on the list or not, its line is skipped and reported; where none does, the column is an attribute like any other,
//! which is said. So all lines have to be read before that is settled.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::bad::{BadLine, BadLines};
use super::wording::{Sense, Tells, sense};

/// Words of a column that are named.
const NAMED: usize = 5;

/// A column that may tell who is on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) field: String,
    pub(super) tells: Tells,
    /// Itself, in a set.
    pub(super) bit: Doubts,
}

/// Columns that may tell who is on a list, as a set: of those that a line has words in that are not understood, or of those that do tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Doubts(u16);

impl Doubts {
    /// There is nothing to settle: no mail.
    pub const SETTLED: Self = Self(1 << 15);

    /// By its bits.
    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// A bit for each column.
    pub fn bits(self) -> u16 {
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

    /// The column at this place among those that may tell. The last ones share a doubt: what is held of each set is not to grow with the file.
    pub(super) fn of(place: usize) -> Self {
        Self(1 << place.min(9))
    }

    /// Those of both sets.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What one line has in columns that may tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Columns whose words are understood.
    pub(super) understood: Doubts,
    /// The first that has its reader off the list, and its word.
    pub(super) off: Option<(String, String)>,
    /// A column for how they stand has them on it.
    is_on: bool,
    /// Columns and words that are not understood.
    unclear: Vec<(Question, String)>,
}

impl Told {
    /// Of a line that is a service's: its own columns have a reader on the list, if they get mail.
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, ..Self::default() }
    }

    /// What a column has; `start`: enough of it to find it.
    pub(super) fn add(&mut self, question: &Question, text: &str, start: impl FnOnce() -> String) {
        match sense(question.tells, text) {
            Sense::Silent => return,
            Sense::Unclear => return self.unclear.push((question.clone(), start())),
            Sense::On => self.is_on |= matches!(question.tells, Tells::Status | Tells::Place),
            Sense::Off => self.off = self.off.take().or_else(|| Some((question.field.clone(), start()))),
        }
        self.understood = self.understood.with(question.bit);
    }
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
    /// Columns that are attributes, and could have told who is on the list.
    pub attributes: Vec<Attribute>,
}

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Telling {
    understood: Doubts,
    lines: BTreeMap<Doubts, BadLines>,
    columns: BTreeMap<String, (Question, Attribute)>,
}

impl Telling {
    /// These columns tell who is on the list.
    pub(super) fn understand(&mut self, columns: Doubts) {
        self.understood = self.understood.with(columns);
    }

    /// One more line. Answers its doubts.
    pub(super) fn hear(&mut self, line: u64, told: Told) -> Doubts {
        self.understand(told.understood);
        let mut unclear = told.unclear;
        // Where that has them on the list, what another leaves empty asks nothing. A yes to one question is none to another.
        unclear.retain(|(_, word)| !told.is_on || !word.is_empty());
        let doubts =
            unclear.iter().fold(Doubts::default(), |doubts, (question, _)| doubts.with(question.bit));
        if doubts.is_empty() {
            return doubts;
        }
        let said = |(question, word): &(Question, String)| match &**word {
            "" => format!("an empty `{}`", question.field),
            word => format!("`{word}` in its `{}`", question.field),
        };
        let reason = format!(
            "{} does not say in known words whether its reader is on the list, and other lines do so there; write `subscribed`, take the line \
             out, or rename the column",
            unclear.iter().map(said).collect::<Vec<_>>().join(" or ")
        );
        self.lines.entry(doubts).or_default().add(BadLine { line, reason, whose: None });
        for (question, word) in unclear.into_iter().filter(|(_, word)| !word.is_empty()) {
            let empty = || Attribute { column: question.field.clone(), readers: 0, words: Vec::new() };
            let (_, known) =
                self.columns.entry(question.field.clone()).or_insert_with(|| (question.clone(), empty()));
            known.readers += 1;
            if known.words.len() < NAMED && !known.words.contains(&word) {
                known.words.push(word);
            }
        }
        doubts
    }

    /// All lines were read.
    pub(super) fn settle(self) -> Settled {
        let telling = self.understood.with(Doubts::SETTLED);
        let mut settled = Settled { telling, ..Settled::default() };
        for (doubts, lines) in self.lines {
            if doubts.meet(telling) {
                settled.bad.join(lines);
            } else {
                settled.readers += lines.count;
            }
        }
        // Beside a column that tells, a place is an attribute without question.
        let is_question = |question: &Question| {
            !question.bit.meet(telling) && (question.tells == Tells::Status || telling == Doubts::SETTLED)
        };
        let columns = self.columns.into_values().filter(|(question, _)| is_question(question));
        settled.attributes = columns.map(|(_, attribute)| attribute).collect();
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
