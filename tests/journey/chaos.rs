//! Killed with -9 at random instants, again and again, while the relay has its bad days: nobody is lost, nobody gets it twice, and
//! in doubt are no more than two a connection and kill. `SEED` has the same again as far as the machine's pace allows, `KILLS` says how often.

use std::env;
use std::fmt;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pressroom::app::{App, random};
use pressroom::delivery::Counts;
use pressroom::inbox::{self, Fault, Faults, Inbox, Keep, Plan};
use pressroom::mailbox::EmailAddress;
use pressroom::rehearse::compare;
use pressroom::send::{self, Ending, Options};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::Folder;
use crate::folder::options;

const READERS: usize = 600;
const DOMAINS: usize = 20;
const CONNECTIONS: u64 = 4;
/// Without CHUNKING one message is on its way and one announced; with it the window is four.
const OPEN_TURNS: u64 = 2;
const OPEN_WINDOW: u64 = 5;
/// A run that has nothing to do but wait is not killed, its issue is brought to an end.
const IDLE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_instants_on_bad_days_nobody_is_lost_and_nobody_gets_it_twice() {
    let (folder, store) = (folder(), super::STORE);
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u32>().expect("a number"));
    let kills = number("KILLS").unwrap_or(20);
    let seed = number("SEED").unwrap_or_else(|| {
        let mut seed = [0; 4];
        random(&mut seed);
        u32::from_ne_bytes(seed)
    });
    eprintln!("chaos: {store}: SEED={seed} KILLS={kills}");
    let mut lots = Lots(seed.into());
    let mut sum = Sum::default();
    while sum.kills < kills {
        issue(&folder, &mut lots, &mut sum, kills).await;
    }
    println!("chaos: {store}: {sum}");
    assert_eq!((sum.lost, sum.doubled), (0, 0), "SEED={seed}");
}

/// What it came to, over all issues.
#[derive(Debug, Default)]
struct Sum {
    issues: u32,
    kills: u32,
    readers: u64,
    lost: u64,
    doubled: u64,
    in_doubt: u64,
    in_doubt_and_arrived: u64,
    connections_cut: u64,
    refused: u64,
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            issues,
            kills,
            readers,
            lost,
            doubled,
            in_doubt,
            in_doubt_and_arrived,
            connections_cut,
            refused,
        } = self;
        write!(
            f,
            "{kills} kills, {lost} lost, {doubled} doubled, {in_doubt} in doubt ({in_doubt_and_arrived} of them have it); {issues} issues to \
             {readers} readers in all, {connections_cut} connections cut by the relay, {refused} refused"
        )
    }
}

/// Small numbers, the same for the same seed (xorshift64*).
struct Lots(u64);

impl Lots {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = (self.0 ^ 0x9E37_79B9_7F4A_7C15).max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

fn readers() -> impl Iterator<Item = String> {
    (0..READERS).map(|n| format!("reader{n}@d{}.example.com", n % DOMAINS))
}

fn folder() -> Folder {
    Folder::with_readers(&readers().collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>())
}

/// One issue, killed until it is through or there were kills enough, and then brought to its end.
async fn issue(folder: &Folder, lots: &mut Lots, sum: &mut Sum, kills: u32) {
    sum.issues += 1;
    let number = sum.issues.to_string();
    let is_chunking = sum.issues.is_multiple_of(2);
    let faults = Faults::new(Plan::usual(lots.below(1 << 30)));
    for (fault, reader) in Fault::ALL.into_iter().zip(readers()) {
        faults.surely(fault, &EmailAddress::parse(&reader).expect("an address"));
    }
    let behaviour =
        inbox::Options { keep: Keep::Count, script: Some(faults.script()), chunking: is_chunking };
    let inbox = Inbox::start("127.0.0.1:0".parse().expect("loopback"), behaviour).await.expect("an inbox");
    prepare(folder, &number, &inbox, is_chunking);

    let mut killed = 0;
    while sum.kills < kills && kill_once(folder, &number, &inbox, lots).await {
        (killed, sum.kills) = (killed + 1, sum.kills + 1);
    }
    let counts = finish(folder, &number).await;

    let store = app(folder, SignedDuration::ZERO).store().await.expect("the store");
    let compared = compare(&store, number.parse().expect("a number"), &inbox).await.expect("a comparison");
    let cuts =
        faults.dealt().into_iter().filter(|(fault, _)| is_cut(*fault)).map(|(_, times)| times).sum::<u64>();
    let open = if is_chunking { OPEN_WINDOW } else { OPEN_TURNS };
    assert!(
        counts.in_doubt <= open * (CONNECTIONS * killed + cuts),
        "{counts:?} after {killed} kills and {cuts} cut connections"
    );
    assert_eq!(counts.accepted + counts.refused + counts.in_doubt, counts.queued, "{counts:?}");
    assert_eq!(counts.queued + counts.skipped, READERS as u64, "{counts:?}");
    assert_eq!(listed(folder, &number), [counts.accepted, counts.refused, counts.in_doubt, counts.skipped]);
    sum.readers += counts.queued;
    sum.lost += compared.lost;
    sum.doubled += compared.doubled;
    sum.in_doubt += counts.in_doubt;
    sum.in_doubt_and_arrived += compared.in_doubt_and_arrived;
    sum.connections_cut += cuts;
    sum.refused += counts.refused;
}

fn is_cut(fault: Fault) -> bool {
    matches!(fault, Fault::CutWithin | Fault::CutAndLost | Fault::CutAndKept)
}

/// The draft of an issue, and the way to its inbox.
fn prepare(folder: &Folder, number: &str, inbox: &Inbox, is_chunking: bool) {
    let draft = folder.read("drafts/1.toml");
    folder.write(
        &format!("drafts/{number}.toml"),
        &draft.replace("number = 1\n", &format!("number = {number}\n")),
    );
    let config = folder.read("newsletter.toml");
    let head = config.split("[smtp]").next().expect("what stands before");
    let smtp = format!(
        "[smtp]\nurl = \"smtp://{}\"\nconnections = {CONNECTIONS}\nchunking = {is_chunking}\n",
        inbox.addr()
    );
    folder.write("newsletter.toml", &format!("{head}{smtp}"));
}

/// Starts a run and kills it at an instant of chance; `false`: it ended, or only waited, before that.
async fn kill_once(folder: &Folder, number: &str, inbox: &Inbox, lots: &mut Lots) -> bool {
    let mut run = folder
        .command(&["send", number, "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a run");
    let is_at_work = if lots.below(2) == 0 {
        sleep(Duration::from_millis(lots.below(500))).await;
        run.try_wait().expect("a process").is_none()
    } else {
        wait_for(&mut run, inbox, inbox.counts().messages + lots.below(READERS as u64 / 6)).await
    };
    run.kill().expect("kill -9");
    run.wait().expect("its end");
    is_at_work
}

/// Waits until so many messages have arrived; `false`: the run ended before, or none arrives any more.
async fn wait_for(run: &mut Child, inbox: &Inbox, goal: u64) -> bool {
    let (mut arrived, mut since) = (inbox.counts().messages, Instant::now());
    while arrived < goal {
        if run.try_wait().expect("a process").is_some() || since.elapsed() > IDLE {
            return false;
        }
        sleep(Duration::from_millis(1)).await;
        let now = inbox.counts().messages;
        if now > arrived {
            (arrived, since) = (now, Instant::now());
        }
    }
    true
}

/// Runs until nobody is left, the clock going ahead for those who are to be tried later.
async fn finish(folder: &Folder, number: &str) -> Counts {
    for hours in 1..40 {
        let app = app(folder, SignedDuration::from_hours(hours));
        let run = send::prepare(&app, number).await.expect("a run");
        let sent =
            run.go(Options { patience: SignedDuration::ZERO, ..options() }).await.expect("its outcome");
        if matches!(sent.ending, Ending::Done | Ending::NothingToDo | Ending::Incomplete) {
            return sent.counts;
        }
    }
    panic!("issue {number} comes to no end");
}

fn app(folder: &Folder, ahead: SignedDuration) -> App {
    #[expect(
        clippy::disallowed_methods,
        reason = "the runs that are killed read the true clock, and this goes on where they stopped"
    )]
    let clock = Arc::new(move || Timestamp::now() + ahead);
    App::open(folder.path(), clock).expect("a newsletter's folder")
}

/// What `pressroom deliveries` says: accepted, refused, in doubt, skipped.
fn listed(folder: &Folder, number: &str) -> [u64; 4] {
    let listed = folder.run(&["--json", "deliveries", number]);
    let lines: Vec<Value> = String::from_utf8(listed.stdout)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    assert_eq!(lines.len(), READERS);
    ["accepted", "refused", "in-doubt", "skipped"]
        .map(|status| lines.iter().filter(|line| line["status"] == status).count() as u64)
}
