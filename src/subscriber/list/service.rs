//! The exports of other services, known by their headers: what their columns and their words for a reader's standing mean.
//!
//! Column names are those of [`super::header::field_name`]: lower case, `_` for all else. A column that no table names is an attribute.

use serde::Serialize;

use super::column::Column;
use super::standing::Standing;
use crate::subscriber::SuppressionReason::{Bounced, Complained, DoNotMail};

/// Who wrote a list file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// `pressroom subscribers export`.
    Pressroom,
    /// Mailchimp, an audience: a file each for the subscribed, the unsubscribed and the cleaned.
    Mailchimp,
    /// Substack.
    Substack,
    /// listmonk.
    Listmonk,
    /// Buttondown.
    Buttondown,
    /// Ghost, its members.
    Ghost,
    /// Kit, which was `ConvertKit`.
    Kit,
    /// beehiiv.
    Beehiiv,
}

/// How a service's export is known and read.
struct Export {
    service: Service,
    /// Of each group one column at least is there. None is that of the addresses, which people rename and services translate.
    signs: &'static [&'static [&'static str]],
    columns: &'static [(&'static str, Column)],
    /// What stands in its status column, in lower case.
    words: &'static [(&'static str, Standing)],
}

const LEFT: Standing = Standing::Left(None);
const OUTSIDE: Standing = Standing::Outside;
const SUBSCRIBED: Standing = Standing::Subscribed;

/// In the order in which they are tried: the more particular signs come first.
static EXPORTS: [Export; 8] = [
    Export {
        service: Service::Pressroom,
        signs: &[&["pressroom_status"]],
        columns: &[
            ("pressroom_status", Column::Status),
            ("pressroom_since", Column::Since),
            ("pressroom_left_at", Column::LeftAt),
            ("pressroom_paused_until", Column::PausedUntil),
            ("pressroom_suppressed", Column::Suppressed),
            ("pressroom_suppressed_at", Column::DateSuppressed),
            ("pressroom_origin", Column::Origin),
            ("pressroom_chosen", Column::Chosen),
            ("pressroom_consented_at", Column::ConsentedAt),
            ("pressroom_asked_at", Column::AskedAt),
            ("pressroom_consented_from", Column::ConsentedFrom),
            ("pressroom_consent_wording", Column::ConsentWording),
        ],
        words: &[("subscribed", SUBSCRIBED), ("left", LEFT), ("gone", Standing::Gone)],
    },
    Export {
        service: Service::Mailchimp,
        signs: &[&[
            "leid",
            "euid",
            "member_rating",
            "optin_time",
            "confirm_time",
            "unsub_time",
            "clean_time",
        ]],
        columns: &[
            ("email_address", Column::Email),
            ("first_name", Column::FirstName),
            ("last_name", Column::LastName),
            ("status", Column::Status),
            ("email_marketing_status", Column::Status),
            ("optin_time", Column::Since),
            ("confirm_time", Column::Since),
            ("unsub_time", Column::LeftAt),
            ("clean_time", Column::BouncedAt),
            ("member_rating", Column::Dropped),
            ("optin_ip", Column::Dropped),
            ("confirm_ip", Column::Dropped),
            ("latitude", Column::Dropped),
            ("longitude", Column::Dropped),
            ("gmtoff", Column::Dropped),
            ("dstoff", Column::Dropped),
            ("last_changed", Column::Dropped),
            ("unsub_campaign_title", Column::Dropped),
            ("unsub_campaign_id", Column::Dropped),
            ("unsub_reason", Column::Dropped),
            ("unsub_reason_other", Column::Dropped),
            ("clean_campaign_title", Column::Dropped),
            ("clean_campaign_id", Column::Dropped),
            ("leid", Column::Dropped),
            ("euid", Column::Dropped),
            ("notes", Column::Dropped),
        ],
        words: &[
            ("subscribed", SUBSCRIBED),
            ("unsubscribed", LEFT),
            ("cleaned", Standing::Suppressed(Bounced)),
            ("pending", OUTSIDE),
            ("non-subscribed", OUTSIDE),
            ("nonsubscribed", OUTSIDE),
            ("transactional", OUTSIDE),
            ("archived", OUTSIDE),
        ],
    },
    Export {
        service: Service::Ghost,
        signs: &[&["subscribed_to_emails"]],
        columns: &[
            ("subscribed_to_emails", Column::Wanted),
            ("created_at", Column::Since),
            ("deleted_at", Column::LeftAt),
            ("id", Column::Dropped),
            ("note", Column::Dropped),
            ("complimentary_plan", Column::Dropped),
            ("stripe_customer_id", Column::Dropped),
            ("gift_id", Column::Dropped),
        ],
        words: &[],
    },
    Export {
        service: Service::Substack,
        signs: &[&["active_subscription"]],
        columns: &[
            ("email_disabled", Column::Unwanted),
            ("created_at", Column::Since),
            ("expiry", Column::Dropped),
            ("prefer_digests", Column::Dropped),
            ("first_payment_at", Column::Dropped),
        ],
        words: &[],
    },
    Export {
        service: Service::Listmonk,
        signs: &[&["uuid"], &["attributes"], &["status"]],
        columns: &[
            ("attributes", Column::Attributes),
            ("status", Column::Status),
            ("created_at", Column::Since),
            ("updated_at", Column::Dropped),
            ("uuid", Column::Dropped),
        ],
        words: &[
            ("enabled", SUBSCRIBED),
            ("disabled", LEFT),
            ("blocklisted", Standing::Suppressed(DoNotMail)),
            ("blacklisted", Standing::Suppressed(DoNotMail)),
        ],
    },
    Export {
        service: Service::Buttondown,
        signs: &[
            &["subscriber_type", "type"],
            &[
                "creation_date",
                "secondary_id",
                "unsubscription_date",
                "undeliverability_date",
                "referrer_url",
            ],
        ],
        columns: &[
            ("email_address", Column::Email),
            ("subscriber_type", Column::Status),
            ("type", Column::Status),
            ("creation_date", Column::Since),
            ("metadata", Column::Attributes),
            ("unsubscription_date", Column::DateLeft),
            ("undeliverability_date", Column::DateSuppressed),
            ("id", Column::Dropped),
            ("secondary_id", Column::Dropped),
            ("notes", Column::Dropped),
            ("ip_address", Column::Dropped),
            ("avatar_url", Column::Dropped),
            ("risk_score", Column::Dropped),
            ("last_open_date", Column::Dropped),
            ("last_click_date", Column::Dropped),
            ("stripe_customer_id", Column::Dropped),
            ("unsubscription_reason", Column::Dropped),
            ("undeliverability_reason", Column::Dropped),
        ],
        words: &[
            ("regular", SUBSCRIBED),
            ("premium", SUBSCRIBED),
            ("trialed", SUBSCRIBED),
            ("trialing", SUBSCRIBED),
            ("unpaid", SUBSCRIBED),
            ("gifted", SUBSCRIBED),
            ("churning", SUBSCRIBED),
            ("churned", SUBSCRIBED),
            ("past_due", SUBSCRIBED),
            ("paused", SUBSCRIBED),
            ("unactivated", OUTSIDE),
            ("spammy", OUTSIDE),
            ("malicious", OUTSIDE),
            ("removed", LEFT),
            ("blocked", LEFT),
            ("disabled", LEFT),
            ("unsubscribed", LEFT),
            ("undeliverable", Standing::Suppressed(Bounced)),
            ("complained", Standing::Suppressed(Complained)),
        ],
    },
    Export {
        service: Service::Beehiiv,
        signs: &[&["status"], &["tier", "subscription_tier", "premium_tier"]],
        columns: &[
            ("first_name", Column::FirstName),
            ("last_name", Column::LastName),
            ("status", Column::Status),
            ("created_at", Column::Since),
            ("unsubscribed_at", Column::LeftAt),
            ("id", Column::Dropped),
            ("subscriber_id", Column::Dropped),
            ("subscription_id", Column::Dropped),
            ("stripe_customer_id", Column::Dropped),
            ("referral_code", Column::Dropped),
        ],
        words: &[
            ("active", SUBSCRIBED),
            ("inactive", LEFT),
            ("unsubscribed", LEFT),
            ("pending", OUTSIDE),
            ("validating", OUTSIDE),
            ("invalid", OUTSIDE),
            ("needs approval", OUTSIDE),
            ("needs_approval", OUTSIDE),
            ("needs_attention", OUTSIDE),
        ],
    },
    Export {
        service: Service::Kit,
        signs: &[&["first_name"], &["status", "state"], &["created_at"]],
        columns: &[
            ("email_address", Column::Email),
            ("first_name", Column::FirstName),
            ("last_name", Column::LastName),
            ("status", Column::Status),
            ("state", Column::Status),
            ("created_at", Column::Since),
            ("unsubscribed_at", Column::LeftAt),
            ("id", Column::Dropped),
        ],
        words: &[
            ("active", SUBSCRIBED),
            ("confirmed", SUBSCRIBED),
            ("cold", SUBSCRIBED),
            ("inactive", OUTSIDE),
            ("unconfirmed", OUTSIDE),
            ("cancelled", LEFT),
            ("canceled", LEFT),
            ("unsubscribed", LEFT),
            ("bounced", Standing::Suppressed(Bounced)),
            ("complained", Standing::Suppressed(Complained)),
        ],
    },
];

impl Service {
    /// By the columns of a header.
    pub(super) fn of(columns: &[String]) -> Option<Self> {
        let is_there = |sign: &&str| columns.iter().any(|column| column == sign);
        let is_whole = |export: &&Export| export.signs.iter().all(|group| group.iter().any(is_there));
        EXPORTS.iter().find(is_whole).map(|export| export.service)
    }

    fn export(self) -> Option<&'static Export> {
        EXPORTS.iter().find(|export| export.service == self)
    }

    /// What a column of its export holds; `None`: nothing of the service's own.
    pub(super) fn column(self, name: &str) -> Option<Column> {
        let columns = self.export()?.columns;
        columns.iter().find(|(column, _)| *column == name).map(|(_, meaning)| meaning.clone())
    }

    /// What a word in its status column means.
    pub(super) fn standing(self, word: &str) -> Option<Standing> {
        let words = self.export()?.words;
        words.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, standing)| *standing)
    }

    /// What it calls itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pressroom => "pressroom",
            Self::Mailchimp => "Mailchimp",
            Self::Substack => "Substack",
            Self::Listmonk => "listmonk",
            Self::Buttondown => "Buttondown",
            Self::Ghost => "Ghost",
            Self::Kit => "Kit",
            Self::Beehiiv => "beehiiv",
        }
    }
}
