//! `pressroom deliveries`.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::face::Face;
use crate::app::Wrong;
use crate::deliveries;
use crate::id::IssueNumber;
use crate::mailbox::EmailAddress;
use crate::store::{Among, Decision};

/// Shows who is in which state and why, a line a reader; resolves doubt.
///
/// With --json each line is an object. A decision is recorded with its time and with what stood there before.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pressroom deliveries 214 --missed\n  pressroom deliveries 214 --resend ada@example.com\n  \
                  pressroom deliveries 214 --settle accepted bo@example.org"
)]
pub(super) struct Deliveries {
    /// The issue
    issue: IssueNumber,
    /// Only those who did not get it, or may not have
    #[arg(long, conflicts_with = "in_doubt")]
    missed: bool,
    /// Only those who may have got it: sent, but no reply was recorded
    #[arg(long)]
    in_doubt: bool,
    /// Send it again to these, who are in doubt or were refused
    #[arg(long, value_name = "ADDRESS", num_args = 1.., conflicts_with_all = ["missed", "in_doubt"])]
    resend: Vec<EmailAddress>,
    /// Take it that these have it; without addresses, all in doubt
    #[arg(
        long,
        value_names = ["accepted", "ADDRESS"],
        num_args = 1..,
        conflicts_with_all = ["missed", "in_doubt", "resend"]
    )]
    settle: Vec<String>,
}

impl Deliveries {
    pub(super) fn run(self, directory: &Path, face: &Face) -> anyhow::Result<ExitCode> {
        let app = super::open(directory)?;
        super::complete(&app, async {
            if !self.resend.is_empty() {
                let decided = deliveries::decide(&app, self.issue, Decision::Resend, self.resend).await?;
                face.say(&decided)?;
            } else if let Some((verdict, addresses)) = self.settle.split_first() {
                let readers = settled(verdict, addresses)?;
                face.say(&deliveries::decide(&app, self.issue, Decision::Accepted, readers).await?)?;
            } else {
                deliveries::list(&app, self.issue, self.among(), |line| face.line(line)).await?;
            }
            Ok(ExitCode::SUCCESS)
        })
    }

    fn among(&self) -> Among {
        match (self.missed, self.in_doubt) {
            (true, _) => Among::Missed,
            (false, true) => Among::InDoubt,
            (false, false) => Among::All,
        }
    }
}

fn settled(verdict: &str, addresses: &[String]) -> anyhow::Result<Vec<EmailAddress>> {
    if verdict != "accepted" {
        let remedy = "write `--settle accepted`; who is to get it again is named with `--resend`";
        return Err(Wrong(format!("doubt cannot be settled as `{verdict}`; {remedy}")).into());
    }
    Ok(addresses.iter().map(|address| EmailAddress::parse(address)).collect::<Result<_, _>>()?)
}
