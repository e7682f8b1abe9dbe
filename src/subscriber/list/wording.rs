//! What somebody's own words say of whether a reader is on a list, in a file of no known service.
//!
//! Nobody knows all the words that programs and people have for it. What is written is folded (letter case, accents, `-` and `_`) and judged
//! by its words: stems of those for who gets no mail, stems of those for who does, and negations of the latter. What asks for less
//! mail wins. What is understood neither way is [`Sense::Unclear`], and [`super::telling`] says what becomes of it.

/// What is said of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// They are on the list.
    On,
    /// They are not to get mail.
    Off,
    /// Nothing that is understood.
    Unclear,
}

/// How words for who is on a list begin.
const ON: [&str; 15] = [
    "subscrib",
    "active",
    "activa",
    "activo",
    "aktiv",
    "actif",
    "enabl",
    "confirme",
    "confirmad",
    "verifi",
    "abonn",
    "angemeldet",
    "bestatigt",
    "inscri",
    "suscri",
];
/// Such words as others could begin with.
const ON_WHOLE: [&str; 3] = ["opt", "opted", "optin"];
/// What stands beside them and takes nothing away.
const BESIDE: [&str; 9] =
    ["in", "double", "single", "email", "newsletter", "is", "and", "currently", "still"];
/// How words for who gets no mail begin.
const OFF: [&str; 52] = [
    "unsub",
    "bounc",
    "complain",
    "spam",
    "junk",
    "abus",
    "block",
    "blacklist",
    "suppress",
    "suspend",
    "pending",
    "pendient",
    "waiting",
    "await",
    "request",
    "disabl",
    "archiv",
    "transactional",
    "delet",
    "cancel",
    "remov",
    "undeliver",
    "unreach",
    "clean",
    "invalid",
    "expir",
    "optout",
    "optedout",
    "paus",
    "snooz",
    "stopp",
    "reject",
    "refus",
    "revok",
    "withdr",
    "declin",
    "laps",
    "abgemeld",
    "abbestell",
    "ausgetragen",
    "ausstehend",
    "gekundigt",
    "gesperrt",
    "geloscht",
    "widerruf",
    "resili",
    "supprim",
    "bloqu",
    "rebot",
    "eliminad",
    "leaver",
    "failed",
];
/// Such words as others could begin with.
const OFF_WHOLE: [&str; 12] =
    ["left", "leave", "gone", "out", "off", "quit", "dead", "deceased", "banned", "former", "ex", "dnc"];
/// Words that turn another one round.
const NOT: [&str; 12] =
    ["not", "non", "no", "never", "dont", "nicht", "kein", "keine", "nie", "pas", "jamais", "nunca"];
/// How they stand before it as one word.
const UN: [&str; 7] = ["un", "in", "non", "not", "de", "des", "dis"];
/// What is not to be done or not there, beside being on a list.
const MAIL: [&str; 9] =
    ["mail", "email", "contact", "disturb", "send", "write", "marketing", "consent", "permission"];

/// What stands in a column that may tell who is on a list.
pub(super) fn sense(column: &str, text: &str) -> Sense {
    let folded = folded(text);
    let words: Vec<&str> = folded.split_whitespace().collect();
    let has = |is: &dyn Fn(&str) -> bool| words.iter().any(|word| is(word));
    let is_negated = has(&|word| NOT.contains(&word));
    if has(&is_off) || is_negated && has(&|word| is_on(word) || MAIL.contains(&word)) {
        return Sense::Off;
    }
    match *words {
        // A `state` may be a country's, by two letters.
        ["yes" | "true" | "1"] if column != "state" => Sense::On,
        ["no" | "false" | "0"] if column != "state" => Sense::Off,
        _ if has(&is_on) && words.iter().all(|word| is_on(word) || BESIDE.contains(word)) => Sense::On,
        _ => Sense::Unclear,
    }
}

fn is_on(word: &str) -> bool {
    ON_WHOLE.contains(&word) || ON.iter().any(|stem| word.starts_with(stem))
}

fn is_off(word: &str) -> bool {
    OFF_WHOLE.contains(&word)
        || OFF.iter().any(|stem| word.starts_with(stem))
        || UN.iter().any(|un| word.strip_prefix(un).is_some_and(is_on))
}

/// In lower case, without accents and apostrophes, a space for all else that is no letter or digit.
fn folded(text: &str) -> String {
    let is_within = |c: char| matches!(c, '\'' | '’' | '\u{300}'..='\u{36f}');
    let lower = text.chars().filter(|c| !is_within(*c)).flat_map(char::to_lowercase);
    lower.map(|c| if c.is_alphanumeric() { bare(c) } else { ' ' }).collect()
}

/// A letter without its accent.
fn bare(letter: char) -> char {
    match letter {
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' => 'o',
        'ù'..='ü' => 'u',
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(words: &str, sense_of_all: Sense) {
        for word in words.split(',') {
            assert_eq!(sense("status", word.trim()), sense_of_all, "{word}");
        }
    }

    #[test]
    fn whoever_gets_no_mail_is_known_in_many_words() {
        all(
            "unsubscribe, opted_out, Opted out, opt-out, optout, left, gone, bounce, hard bounce, soft bounce, Hard Bounced, complaint, \
             spam complaint, abuse, blocked, blacklisted, suppressed, do not contact, Don't mail, not subscribed, Non-Subscribed, \
             nonsubscribed, pending, not confirmed, Waiting for confirmation, disabled, archived, transactional, Abgemeldet, désabonné, \
             de\u{301}sabonne\u{301}, De\u{301}sinscrit, unsubscribed, cleaned, inactive, Inaktiv, deactivated, unconfirmed, noch nicht \
             bestätigt, no longer subscribed, former subscriber, subscription cancelled, no, FALSE, 0, never confirmed, unverified",
            Sense::Off,
        );
    }

    #[test]
    fn whoever_gets_mail_is_known_where_every_word_says_so() {
        all(
            "subscribed, Subscriber, ACTIVE, Active_Subscriber, opted-in, opt in, Double opt-in, confirmed, enabled, Abonné, yes, true, 1",
            Sense::On,
        );
    }

    #[test]
    fn what_is_an_attribute_or_in_no_known_words_is_unclear() {
        all(
            "gold, silver, VIP, wypisany, previously subscribed, subscription ended, none, 3, ?",
            Sense::Unclear,
        );
        for state in [
            "Ohio",
            "OK",
            "IN",
            "NO",
            "ON",
            "Delaware",
            "Baja California",
            "Pas-de-Calais",
            "Nordrhein-Westfalen",
            "Bremen",
            "Pendjab",
        ] {
            assert_eq!(sense("state", state), Sense::Unclear, "{state}");
        }
    }
}
