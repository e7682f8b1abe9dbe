//! Who goes back into the queue for no fault of theirs, and how often in a row: at each turn of a reader with whom alone the line breaks,
//! it would break again, at once and without end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::id::SubscriberId;

/// So often a reader comes back at once; more often than a relay is tried again that is away.
const MOST: u8 = 8;

/// The readers who came back and have no outcome yet.
#[derive(Debug, Default)]
pub(super) struct Comebacks(Mutex<HashMap<SubscriberId, u8>>);

impl Comebacks {
    /// Whether a reader may come back once more.
    pub(super) fn may(&self, reader: SubscriberId) -> bool {
        let mut comebacks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = comebacks.entry(reader).or_default();
        *times += 1;
        *times <= MOST
    }

    /// What became of them is known.
    pub(super) fn forget(&self, reader: SubscriberId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&reader);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_comes_back_so_often_and_no_more_until_something_became_of_them() {
        let (comebacks, ada, bo) = (Comebacks::default(), SubscriberId(1), SubscriberId(2));
        assert!((0..MOST).all(|_| comebacks.may(ada)));
        assert!(!comebacks.may(ada));
        assert!(comebacks.may(bo));
        comebacks.forget(ada);
        assert!(comebacks.may(ada));
    }
}
