//! What came back from a reader's message: a click, an open; and who it was: a person, a robot, or nobody knows.
//!
//! A stage: `server` hears of requests, `store` keeps events, `report` counts them. What is kept of a request is what can be
//! judged later ([`Signals`]), never who asked: no address, no agent's words (requirement 52). The verdict is made anew for every
//! report over all that one reader did with one issue ([`judge`]), by rules that have a version ([`Rules`]); only of
//! robots something outlives their reader ([`given_away`]).

mod agent;
mod heard;
mod judge;
mod rules;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::Place;
pub use heard::{Heard, hear};
pub use judge::{given_away, judge, judge_alone};
pub use rules::{Rules, RulesError};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A link was followed.
    Click(Place),
    /// The pixel was shown: unreliable, since image proxies fetch ahead (requirement 22).
    Open,
}

/// One request for a link or the pixel of one issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// What was asked for.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// How.
    pub signals: Signals,
}

/// What is kept of a request so that it can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signals {
    /// What kind of program asked.
    pub agent: AgentClass,
    /// How it asked.
    pub method: Method,
    /// What its headers gave away.
    pub headers: HeaderFlags,
    /// Seconds since a relay took this reader's own message; `None` where no reader is known (aggregate tracking).
    pub delay: Option<i64>,
}

/// What kind of program an agent calls itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentClass {
    /// A browser, or a mail program's window of one.
    Browser,
    /// Fetches pictures for many people, asked or unasked.
    ImageProxy,
    /// Looks at links before people may.
    Scanner,
    /// A crawler, a preview, a monitor.
    Bot,
    /// A program made with a library, curl among them.
    Library,
    /// It says nothing, or nothing that is known.
    Unknown,
}

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// As a browser follows a link.
    Get,
    /// Asks whether it is there.
    Head,
}

/// What a request's headers say besides: a set of bits, as kept in the store. The numbers never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeaderFlags(pub u16);

impl HeaderFlags {
    /// It fetches ahead: `Sec-Purpose`, `Purpose` or `X-Moz` speak of prefetch, prerender or preview.
    pub const PREFETCH: Self = Self(1);
    /// It says which languages it reads (`Accept-Language`), as every browser does.
    pub const LANGUAGE: Self = Self(2);
    /// `Sec-Fetch-Mode: navigate`: a browser opens a page.
    pub const NAVIGATION: Self = Self(4);
    /// `Sec-Fetch-User: ?1`: somebody did something to open it.
    pub const USER: Self = Self(8);
    /// It accepts a page or a picture, as what was asked for has it.
    pub const ACCEPTS: Self = Self(16);
    /// The browser that it calls itself always sends `Sec-Fetch-Mode`.
    pub const MODERN: Self = Self(32);

    /// With these set too.
    #[must_use]
    pub fn with(self, flags: Self, is_set: bool) -> Self {
        if is_set { Self(self.0 | flags.0) } else { self }
    }

    /// Whether all of these are set.
    pub fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// Who it was, and by which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "who", content = "rule")]
pub enum Verdict {
    /// Somebody read this.
    Person,
    /// Nobody did.
    Robot(RobotRule),
    /// It cannot be told, or not yet.
    Unknown(UnknownRule),
}

/// What gave a robot away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RobotRule {
    /// HEAD: no person's program asks so.
    Head,
    /// Fetched ahead.
    Prefetch,
    /// The agent says so itself: a scanner, a bot, a library.
    Agent,
    /// Sooner after the relay took the message than anybody can have read it.
    TooSoon,
    /// Link after link within seconds.
    Sweep,
    /// Within seconds of what was surely a robot, for the same reader.
    Companion,
}

impl RobotRule {
    /// Whether it shows a program in the request itself. The others go by time and company, which people keep too, if seldom: they
    /// suggest a robot and prove none.
    pub fn proves(self) -> bool {
        match self {
            Self::Head | Self::Prefetch | Self::Agent => true,
            Self::TooSoon | Self::Sweep | Self::Companion => false,
        }
    }
}

/// Why it cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownRule {
    /// More may come of the same reader that tells.
    WindowOpen,
    /// An image proxy: a person may be behind it.
    ImageProxy,
    /// The agent is not known.
    Agent,
    /// It calls itself a browser and does not ask as one.
    Unlike,
    /// It asks as a browser does, and whose it was is not kept: no sweep can be seen, unless it was before.
    Alone,
    /// Asked as a browser does, right after a robot looked at the same link: perhaps somebody whose mail provider looks first.
    LookedFirst,
}

#[cfg(test)]
mod tests;
