//! What a relay says of mailboxes, and when it is not to be believed: so many in a row that are none, without one message taken in between.

use std::collections::HashMap;

use crate::id::SubscriberId;

/// So many mailboxes in a row that are none are no matter of their readers.
const UNBELIEVABLE: usize = 25;

/// A reader who has no mailbox, as the relay says.
#[derive(Debug)]
pub(super) struct Bounced {
    pub(super) subscriber: SubscriberId,
    pub(super) domain: String,
    /// What it said.
    pub(super) detail: String,
    /// Whether they have been tried for long enough: then a no stands, though it proves nothing.
    pub(super) is_last: bool,
}

/// Who is not to be believed, after one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nobody.
    None,
    /// What is said of one destination, while others take mail.
    Destination,
    /// The relay.
    Relay,
}

/// What one relay has said of mailboxes. A message that was taken says something of what was heard before it was begun, and of no more:
/// several are on the way at once.
#[derive(Debug, Default)]
pub(super) struct Bounces {
    /// How often it said that a mailbox is none.
    heard: u64,
    /// Whether it took a message.
    took_any: bool,
    /// So many of those were heard before a message was begun that it took.
    believed: u64,
    /// By domain, those heard since a message was begun that it took for there: each with how many were heard before.
    open: HashMap<String, Vec<(u64, Bounced)>>,
    /// It is believed again only when it takes a message that was begun after so many.
    doubted: Option<u64>,
    /// As that, by domain.
    doubted_of: HashMap<String, u64>,
    /// Those who are believed to have none.
    proven: Vec<(SubscriberId, String)>,
    /// Those who are none the worse for it.
    unbelieved: Vec<SubscriberId>,
}

impl Bounces {
    /// How often it has said that a mailbox is none, for a message that is begun now.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    /// It took a message for this domain, which was begun after so many: what it had said of others there is believed.
    pub(super) fn took_one(&mut self, domain: &str, begun: u64) {
        // It may have been begun for another relay.
        let begun = begun.min(self.heard);
        self.took_any = true;
        self.believed = self.believed.max(begun);
        self.doubted = self.doubted.filter(|doubted| *doubted > begun);
        if self.doubted_of.get(domain).is_some_and(|doubted| *doubted <= begun) {
            self.doubted_of.remove(domain);
        }
        if let Some(streak) = self.open.get_mut(domain) {
            let until = streak.partition_point(|(before, _)| *before < begun);
            self.proven.extend(streak.drain(..until).map(|(_, one)| (one.subscriber, one.detail)));
        }
    }

    /// It says that a mailbox is none.
    pub(super) fn add(&mut self, bounced: Bounced) -> Doubt {
        let before = self.heard;
        self.heard += 1;
        if self.doubted.is_some() {
            self.unbelieved.push(bounced.subscriber);
            return Doubt::Relay;
        }
        let domain = bounced.domain.clone();
        let is_doubted = self.doubted_of.contains_key(&domain);
        let streak = self.open.entry(domain.clone()).or_default();
        streak.push((before, bounced));
        let is_long = streak.len() >= UNBELIEVABLE;
        let others_took = streak.first().is_some_and(|(before, _)| *before < self.believed);
        if self.heard - self.believed >= UNBELIEVABLE as u64 || is_long && !others_took {
            self.doubt();
            return Doubt::Relay;
        }
        if !is_long && !is_doubted {
            return Doubt::None;
        }
        let streak = self.open.remove(&domain).unwrap_or_default().into_iter();
        self.unbelieved.extend(streak.filter(|(_, one)| !one.is_last).map(|(_, one)| one.subscriber));
        self.doubted_of.insert(domain, self.heard);
        Doubt::Destination
    }

    /// Nothing is believed that it said since it last took a message, nor what it says until it takes one.
    pub(super) fn doubt(&mut self) {
        self.doubted = Some(self.heard);
        for streak in self.open.values_mut() {
            let since = streak.partition_point(|(before, _)| *before < self.believed);
            self.unbelieved.extend(streak.drain(since..).map(|(_, one)| one.subscriber));
        }
    }

    /// The run is over: what is left is believed, if it took anything.
    pub(super) fn close(&mut self) -> Vec<(SubscriberId, String)> {
        if self.took_any {
            let open = self.open.drain().flat_map(|(_, streak)| streak);
            self.proven.extend(open.map(|(_, one)| (one.subscriber, one.detail)));
        }
        std::mem::take(&mut self.proven)
    }

    /// Those who are believed to have no mailbox, once there are some; each is answered once.
    pub(super) fn proven(&mut self) -> Vec<(SubscriberId, String)> {
        if self.proven.len() < UNBELIEVABLE { Vec::new() } else { std::mem::take(&mut self.proven) }
    }

    /// Those who are none the worse for it; each is answered once.
    pub(super) fn unbelieved(&mut self) -> Vec<SubscriberId> {
        std::mem::take(&mut self.unbelieved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounced(number: i64, domain: &str) -> Bounced {
        let (subscriber, detail) = (SubscriberId(number), String::new());
        Bounced { subscriber, domain: domain.to_owned(), detail, is_last: false }
    }

    #[test]
    fn however_few_the_domains_a_relay_that_takes_nothing_in_between_is_not_believed() {
        for domains in 1..7 {
            let mut bounces = Bounces::default();
            bounces.took_one("d0.example", 0);
            let doubts: Vec<_> =
                (0..30).map(|n| bounces.add(bounced(n, &format!("d{}.example", n % domains)))).collect();
            assert_eq!(doubts.iter().position(|doubt| *doubt != Doubt::None), Some(24), "{domains}");
            assert!(doubts[24..].iter().all(|doubt| *doubt == Doubt::Relay), "{domains}");
            assert_eq!(bounces.unbelieved().len(), 30, "those of the other connections too");
            assert_eq!(bounces.close(), []);
        }
    }

    #[test]
    fn where_others_take_mail_it_is_the_destination_that_is_not_believed() {
        let mut bounces = Bounces::default();
        let mut doubts = Vec::new();
        for n in 0..30 {
            bounces.took_one("fine.example", bounces.heard());
            doubts.push(bounces.add(bounced(n, "odd.example")));
        }
        assert_eq!(doubts.iter().position(|doubt| *doubt != Doubt::None), Some(24));
        assert!(doubts[24..].iter().all(|doubt| *doubt == Doubt::Destination));
        assert_eq!((bounces.unbelieved().len(), bounces.close()), (30, vec![]));
        bounces.took_one("odd.example", bounces.heard());
        assert_eq!(bounces.add(bounced(99, "odd.example")), Doubt::None);
        bounces.took_one("odd.example", bounces.heard());
        assert_eq!(bounces.close(), [(SubscriberId(99), String::new())]);
    }

    #[test]
    fn who_was_tried_for_long_enough_at_such_a_destination_stays_refused() {
        let mut bounces = Bounces::default();
        for n in 0..25 {
            bounces.took_one("fine.example", bounces.heard());
            bounces.add(Bounced { is_last: n % 5 == 0, ..bounced(n, "odd.example") });
        }
        assert_eq!((bounces.unbelieved().len(), bounces.close()), (20, vec![]));
    }

    #[test]
    fn some_among_those_who_are_served_are_believed() {
        let mut bounces = Bounces::default();
        for n in 0..20 {
            bounces.took_one("fine.example", bounces.heard());
            assert_eq!(bounces.add(bounced(n, "fine.example")), Doubt::None);
        }
        assert_eq!(bounces.close().len(), 20);
        assert_eq!(bounces.unbelieved(), []);
    }
}
