//! Two sorted streams, the file and the store, walked through side by side.

use std::collections::{HashSet, VecDeque};
use std::mem;

use tokio::sync::mpsc;

use super::write::{Pending, Written};
use super::{ImportCounts, Incoming, TakingIn};
use crate::id::Reference;
use crate::newsletter::Tracking;
use crate::store::StoreError;
use crate::store::connection::{Connected, Dialect, Reading};
use crate::store::statement::{Ready, Row as Cell, sql};
use crate::store::word::Cells;
use crate::subscriber::list::{More, Row, Standing};
use crate::subscriber::{Choices, Entry, Format, Origin, SubscriptionStatus};

/// How many of those who are known are read at once.
pub(super) const PAGE: u32 = 1000;

/// A file on its way in.
pub(super) struct Merge<'t, F> {
    how: TakingIn<'t>,
    dialect: Dialect,
    erased: HashSet<String>,
    fill_random: F,
    known: VecDeque<Known>,
    /// The last key that was read, until there are no more.
    read_to: Option<String>,
    pub(super) next_id: i64,
    before: u64,
    after: u64,
    pending: Pending,
    pub(super) counts: ImportCounts,
}

/// Somebody who is known, on whatever list.
struct Known {
    id: i64,
    key: String,
    address: String,
    on_list: Option<OnList>,
}

/// What the list has of them.
struct OnList {
    status: SubscriptionStatus,
    is_from_file: bool,
    /// What they chose: 1 a name, 2 tracking, 4 a format.
    chosen: i64,
    name: Option<String>,
    tracking: Option<Tracking>,
    format: Option<Format>,
    attributes: String,
}

impl TryFrom<&Cell> for Known {
    type Error = StoreError;

    fn try_from(row: &Cell) -> Result<Self, StoreError> {
        let row = Cells(row);
        let on_list = match row.some_word("status")? {
            None => None,
            Some(status) => Some(OnList {
                status,
                is_from_file: row.word::<Origin>("origin")? == Origin::File,
                chosen: row.integer("chosen")?,
                name: row.owned("name")?,
                tracking: row.some_word("tracking")?,
                format: row.some_word("format")?,
                attributes: row.text("attributes")?.to_owned(),
            }),
        };
        let (key, address) = (row.text("key")?.to_owned(), row.text("address")?.to_owned());
        Ok(Self { id: row.integer("id")?, key, address, on_list })
    }
}

impl OnList {
    /// Whether their file is why the list goes to them.
    fn counts(&self) -> bool {
        self.is_from_file && self.status == SubscriptionStatus::Subscribed
    }

    /// What a file knows of their choices, and the list does not: their word here is the newer one.
    fn lacks(&self, choices: &Choices) -> Option<Choices> {
        let is_missing = |bit: i64| self.chosen & bit == 0;
        let lacks = Choices {
            name: choices.name.clone().filter(|_| is_missing(1)),
            tracking: choices.tracking.filter(|_| is_missing(2)),
            format: choices.format.filter(|_| is_missing(4)),
            paused_until: None,
        };
        (lacks != Choices::default()).then_some(lacks)
    }

    /// Where an export has what the reader chose, it says nothing of what their file says, which stays.
    fn with_own(&self, mut entry: Entry, more: Option<&More>) -> Entry {
        let Some(More { choices, .. }) = more else { return entry };
        if choices.name.is_some() {
            entry.name.clone_from(&self.name);
        }
        if choices.tracking.is_some() {
            entry.tracking = self.tracking;
        }
        if choices.format.is_some() {
            entry.format = self.format;
        }
        entry
    }

    fn says(&self, entry: &Entry, attributes: Option<&str>) -> bool {
        self.name == entry.name
            && self.tracking == entry.tracking
            && self.format == entry.format
            && self.attributes == attributes.unwrap_or("{}")
    }
}

impl<'t, F: FnMut(&mut [u8]) + Send> Merge<'t, F> {
    pub(super) fn new(
        how: TakingIn<'t>,
        dialect: Dialect,
        next_id: i64,
        erased: HashSet<String>,
        fill_random: F,
    ) -> Self {
        let counts = ImportCounts::default();
        let pending = Pending::default();
        let (known, read_to) = (VecDeque::new(), Some(String::new()));
        Self {
            how,
            dialect,
            erased,
            fill_random,
            known,
            read_to,
            next_id,
            before: 0,
            after: 0,
            pending,
            counts,
        }
    }

    /// Takes in all portions and then whoever is left in the store; what is to be written goes out on the way. Answers whether the file
    /// came to its end.
    pub(super) async fn all(
        &mut self,
        on: &mut Option<Reading>,
        portions: &mut mpsc::Receiver<Vec<Incoming>>,
        out: mpsc::Sender<Vec<Ready>>,
    ) -> Result<bool, StoreError> {
        while let Some(portion) = portions.recv().await {
            if portion.is_empty() {
                self.rest(on, &out).await?;
                return Ok(true);
            }
            self.portion(on, portion, &out).await?;
        }
        Ok(false)
    }

    async fn portion(
        &mut self,
        on: &mut Option<Reading>,
        portion: Vec<Incoming>,
        out: &mpsc::Sender<Vec<Ready>>,
    ) -> Result<(), StoreError> {
        for incoming in portion {
            // There were none when the file was read.
            if incoming.erased.is_none() && !self.erased.is_empty() {
                return Err(StoreError::ErasedMeanwhile);
            }
            let known = self.reach(on, &incoming.key).await?;
            self.take(incoming, known);
            if self.pending.is_full() {
                self.pass_on(out).await;
            }
        }
        Ok(())
    }

    /// Nobody is left in the file.
    async fn rest(
        &mut self,
        on: &mut Option<Reading>,
        out: &mpsc::Sender<Vec<Ready>>,
    ) -> Result<(), StoreError> {
        while self.read(on).await? {
            while let Some(known) = self.known.pop_front() {
                self.absent(&known);
            }
            self.pass_on(out).await;
        }
        self.pass_on(out).await;
        Ok(())
    }

    async fn pass_on(&mut self, out: &mpsc::Sender<Vec<Ready>>) {
        // Where nobody listens, writing has failed and says why itself.
        let statements = mem::take(&mut self.pending).statements(&self.how);
        let _ =
            out.send(statements.into_iter().map(|statement| statement.ready(self.dialect)).collect()).await;
    }

    /// Readers from the file before and after, where there are far fewer and that is not allowed.
    pub(super) fn shrunk(&self) -> Option<(u64, u64)> {
        let is_far = self.after * 10 < self.before * 9 && !self.how.allow_shrink;
        is_far.then_some((self.before, self.after))
    }

    /// Goes on among those who are known up to a key; whoever is passed by is not in the file.
    async fn reach(&mut self, on: &mut Option<Reading>, key: &str) -> Result<Option<Known>, StoreError> {
        while self.read(on).await? {
            while let Some(known) = self.known.pop_front() {
                if known.key.as_str() == key {
                    return Ok(Some(known));
                }
                if known.key.as_str() > key {
                    self.known.push_front(known);
                    return Ok(None);
                }
                self.absent(&known);
            }
        }
        Ok(None)
    }

    /// Reads on if need be. Answers whether there is anybody.
    async fn read(&mut self, on: &mut Option<Reading>) -> Result<bool, StoreError> {
        if self.known.is_empty()
            && let Some(on) = on
        {
            self.read_page(on).await?;
        }
        Ok(!self.known.is_empty())
    }

    /// Reads the next of those who are known.
    pub(super) async fn read_page(&mut self, on: &mut impl Connected) -> Result<(), StoreError> {
        let Some(after) = self.read_to.take() else { return Ok(()) };
        let select = "select b.id, b.key, b.address, s.status, s.origin, s.name, s.tracking, s.format, s.attributes, \
            cast(case when s.chosen_name is null then 0 else 1 end \
            + case when s.chosen_tracking is null then 0 else 2 end \
            + case when s.chosen_format is null then 0 else 4 end as bigint) as chosen \
            from subscriber b left join subscription s on s.list = $1 and s.subscriber = b.id \
            where b.key > $2 order by b.key limit $3";
        let rows = sql(select).bind(self.how.list).bind(after).bind(PAGE).fetch_all(on).await?;
        self.known = rows.iter().map(Known::try_from).collect::<Result<_, _>>()?;
        let is_full = self.known.len() >= PAGE as usize;
        self.read_to = self.known.back().filter(|_| is_full).map(|known| known.key.clone());
        Ok(())
    }

    /// Whether all who are known were read.
    pub(super) fn knows_all(&self) -> bool {
        self.read_to.is_none()
    }

    /// Somebody is not in the file.
    fn absent(&mut self, known: &Known) {
        if known.on_list.as_ref().is_some_and(OnList::counts) {
            self.before += 1;
            if self.how.keep_absent {
                self.after += 1;
            } else {
                self.counts.gone += 1;
                self.pending.gone.push(known.id);
            }
        }
    }

    /// Somebody is in the file.
    fn take(&mut self, incoming: Incoming, known: Option<Known>) {
        let Incoming { key, row, erased } = incoming;
        // Of those who were erased nothing is written down, whatever the file says of them.
        if known.is_none() && erased.is_some_and(|hash| self.erased.contains(&hash)) {
            self.counts.left += 1;
            return;
        }
        let suppressed_at = row.suppressed_at.map_or(self.how.now, |at| at.min(self.how.now));
        match row.standing {
            Standing::Subscribed | Standing::Gone => {}
            Standing::Outside => self.counts.unconfirmed += 1,
            Standing::Left(_) => self.counts.departed += 1,
            Standing::Suppressed(reason) => {
                self.counts.suppressed += 1;
                self.pending.suppressed.push((key.clone(), reason, suppressed_at));
            }
        }
        if let Some(reason) = row.suppressed {
            self.counts.suppressed += 1;
            self.pending.suppressed.push((key.clone(), reason, suppressed_at));
        }
        match known {
            Some(known) => self.take_known(row, known),
            None => self.take_new(key, row),
        }
    }

    fn take_new(&mut self, key: String, row: Row) {
        let (Standing::Subscribed | Standing::Gone | Standing::Left(_)) = row.standing else { return };
        let id = self.next_id;
        self.next_id += 1;
        let reference = Reference::random(&mut self.fill_random);
        // Nearly every address is its own key.
        let key = Some(key).filter(|key| key.as_str() != row.entry.address.as_str());
        self.pending.people.push((id, row.entry.address.clone(), key, reference));
        self.join(id, row);
    }

    fn take_known(&mut self, row: Row, known: Known) {
        if known.address != row.entry.address.as_str() {
            self.pending.readdressed.push((known.id, row.entry.address.clone()));
        }
        let Some(on_list) = known.on_list else { return self.join(known.id, row) };
        self.before += u64::from(on_list.counts());
        match row.standing {
            Standing::Subscribed => self.keep(known.id, row, &on_list),
            Standing::Left(at) if on_list.is_from_file && on_list.status != SubscriptionStatus::Left => {
                self.pending.left.push((known.id, at.unwrap_or(self.how.now)));
            }
            Standing::Outside if on_list.counts() => self.pending.gone.push(known.id),
            Standing::Gone => {
                if on_list.counts() {
                    self.counts.gone += 1;
                    self.pending.gone.push(known.id);
                }
                let lacks = row.more.and_then(|more| on_list.lacks(&more.choices));
                self.pending.chosen.extend(lacks.map(|lacks| (known.id, lacks)));
            }
            Standing::Suppressed(_) => self.after += u64::from(on_list.counts()),
            Standing::Left(_) | Standing::Outside => {}
        }
    }

    /// New on the list, or known to it from now on as one who left or is gone.
    fn join(&mut self, id: i64, row: Row) {
        let status = match row.standing {
            Standing::Subscribed => SubscriptionStatus::Subscribed,
            Standing::Left(_) => SubscriptionStatus::Left,
            Standing::Gone => SubscriptionStatus::Gone,
            Standing::Outside | Standing::Suppressed(_) => return,
        };
        match status {
            SubscriptionStatus::Subscribed => {
                self.counts.added += 1;
                self.after += u64::from(origin(&row) == Origin::File);
            }
            SubscriptionStatus::Gone => self.counts.gone += 1,
            SubscriptionStatus::Left => {}
        }
        if let Some(more) = &row.more {
            self.pending.more.push((id, more.clone()));
        }
        let left_at = match row.standing {
            Standing::Left(at) => Some(at.unwrap_or(self.how.now)),
            Standing::Subscribed | Standing::Outside | Standing::Gone | Standing::Suppressed(_) => None,
        };
        let (since, origin) = (row.since.unwrap_or(self.how.now), origin(&row));
        self.pending.written.push(Written::new(id, (status, origin), (since, left_at), row.entry));
    }

    /// On the list before, and in its file.
    fn keep(&mut self, id: i64, row: Row, on_list: &OnList) {
        let status = match on_list.status {
            SubscriptionStatus::Gone => SubscriptionStatus::Subscribed,
            status @ (SubscriptionStatus::Subscribed | SubscriptionStatus::Left) => status,
        };
        self.after += u64::from(on_list.is_from_file && status == SubscriptionStatus::Subscribed);
        let origin = origin(&row);
        let came_otherwise = on_list.is_from_file && origin != Origin::File;
        let lacks = row.more.as_ref().and_then(|more| on_list.lacks(&more.choices));
        let entry = on_list.with_own(row.entry, row.more.as_deref());
        let written = Written::new(id, (status, origin), (self.how.now, None), entry);
        let says = on_list.says(&written.entry, written.attributes.as_deref());
        let is_same = status == on_list.status && says && !came_otherwise && lacks.is_none();
        let counted = match on_list.status {
            SubscriptionStatus::Gone => &mut self.counts.returned,
            SubscriptionStatus::Left => &mut self.counts.left,
            SubscriptionStatus::Subscribed if is_same => &mut self.counts.unchanged,
            SubscriptionStatus::Subscribed => &mut self.counts.changed,
        };
        *counted += 1;
        if is_same {
            return;
        }
        self.pending.chosen.extend(lacks.map(|lacks| (id, lacks)));
        self.pending.written.push(written);
    }
}

/// How a file says that somebody came: by itself, if it says nothing.
fn origin(row: &Row) -> Origin {
    row.more.as_ref().and_then(|more| more.origin).unwrap_or(Origin::File)
}
