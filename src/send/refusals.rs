//! Refusals in a row that are no matter of their readers: whether their destination is to blame, or the relay.

use std::collections::HashMap;

use super::belief::Doubt;

/// So many destinations in a row that would have nothing of us are no matter of theirs.
const SEVERAL: usize = 3;

/// By domain, how many were refused since the relay last took something.
#[derive(Debug, Default)]
pub(super) struct Refusals(HashMap<String, u32>);

impl Refusals {
    /// One more, of a reader at this domain. Up to `most` in a row may be a matter of single readers. A domain that has had more is to
    /// blame, as long as few have: what stands first in the queue may all be at one that blocks us, and others wait behind it.
    pub(super) fn add(&mut self, domain: &str, most: u32) -> Doubt {
        let here = self.0.entry(domain.to_owned()).or_default();
        *here += 1;
        let (here, all) = (*here, self.0.values().sum::<u32>());
        if all > most && self.0.len() >= SEVERAL {
            Doubt::Relay
        } else if here > most {
            Doubt::Destination
        } else {
            Doubt::None
        }
    }

    /// The relay took something.
    pub(super) fn end(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_or_two_at_the_head_are_to_blame_themselves_and_several_blame_the_relay() {
        let mut refusals = Refusals::default();
        let mut add = |domain: &str, times: usize| (0..times).map(|_| refusals.add(domain, 2)).last();
        assert_eq!(add("a.example", 2), Some(Doubt::None));
        assert_eq!(add("a.example", 1), Some(Doubt::Destination));
        assert_eq!(add("b.example", 2), Some(Doubt::None));
        assert_eq!(add("b.example", 1), Some(Doubt::Destination));
        assert_eq!(add("c.example", 1), Some(Doubt::Relay));
        refusals.end();
        assert_eq!(refusals.add("c.example", 2), Doubt::None);
    }

    #[test]
    fn a_relay_that_refuses_whomever_it_hears_of_is_known_soon() {
        let mut refusals = Refusals::default();
        let doubts: Vec<_> = (0..4).map(|n| refusals.add(&format!("d{n}.example"), 2)).collect();
        assert_eq!(doubts, [Doubt::None, Doubt::None, Doubt::Relay, Doubt::Relay]);
    }
}
