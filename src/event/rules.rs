//! The rules by which verdicts are made: data in rules.toml, checked when they are read.

use jiff::SignedDuration;
use serde::Deserialize;

use super::agent::{Agents, Modern, Words};

/// The rules, ready for use.
#[derive(Debug)]
pub struct Rules {
    /// Reports name it; verdicts of two versions are not to be compared.
    pub version: u32,
    pub(super) thresholds: Thresholds,
    pub(super) agents: Agents,
}

/// What is wrong with rules.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Not the form of rules.toml.
    #[error("the rules for clicks cannot be read")]
    Form(#[from] toml::de::Error),
    /// Its words cannot be sought for.
    #[error("the rules for clicks have words that cannot be sought")]
    Words(#[from] aho_corasick::BuildError),
    /// A verdict would come before all that it rests on.
    #[error("`window` of the rules for clicks is shorter than {longest} s, which another rule looks back")]
    Window {
        /// Seconds.
        longest: i64,
    },
}

/// Times in milliseconds.
#[derive(Debug)]
pub(super) struct Thresholds {
    pub(super) window: i64,
    /// Seconds, as delays are kept.
    pub(super) too_soon: TooSoon,
    pub(super) some: Vec<Sweep>,
    /// Of issues with at least so many places.
    pub(super) every: Vec<Sweep>,
    pub(super) companion: i64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TooSoon {
    pub(super) click: i64,
    pub(super) open: i64,
}

/// So many places within so long: milliseconds here, seconds in the file.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sweep {
    pub(super) places: usize,
    pub(super) within: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    window: i64,
    too_soon: TooSoon,
    sweep: Sweeps,
    companion: Companion,
    modern: Vec<Modern>,
    agent: Vec<Words>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sweeps {
    some: Vec<Sweep>,
    every: Vec<Sweep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Companion {
    within: i64,
}

impl Rules {
    /// Those that pressroom was built with.
    ///
    /// # Errors
    /// As [`Rules::parse`]; never for the file as shipped, which a test holds.
    pub fn built_in() -> Result<Self, RulesError> {
        Self::parse(include_str!("rules.toml"))
    }

    /// Reads rules.
    ///
    /// # Errors
    /// [`RulesError`] where they are no rules, or contradict themselves.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let file: File = toml::from_str(text)?;
        let sweeps = file.sweep.some.iter().chain(&file.sweep.every);
        let longest = sweeps.map(|sweep| sweep.within).chain([file.companion.within]).max().unwrap_or(0);
        if file.window < longest {
            return Err(RulesError::Window { longest });
        }
        Ok(Self {
            version: file.version,
            thresholds: Thresholds {
                window: milliseconds(file.window),
                too_soon: file.too_soon,
                some: file.sweep.some.into_iter().map(Sweep::in_milliseconds).collect(),
                every: file.sweep.every.into_iter().map(Sweep::in_milliseconds).collect(),
                companion: milliseconds(file.companion.within),
            },
            agents: Agents::new(&file.agent, file.modern)?,
        })
    }

    /// How long after a click its verdict may still be unknown.
    pub fn window(&self) -> SignedDuration {
        SignedDuration::from_millis(self.thresholds.window)
    }
}

impl Sweep {
    fn in_milliseconds(self) -> Self {
        Self { within: milliseconds(self.within), ..self }
    }
}

fn milliseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1000)
}
