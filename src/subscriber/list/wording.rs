//! What words say of whether a reader is on a list, where no known service's table says it: those of a column's name, and those in it.
//!
//! Nobody knows all the words that programs and people have for it. What is written is folded (letter case, accents, `-` and `_`) and judged
//! by its words: stems of those for who gets no mail, stems of those for who does, and negations of the latter. What asks for less
//! mail wins. What is understood neither way is [`Sense::Unclear`], and [`super::telling`] says what becomes of it.

/// What a column tells, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    /// In words, whether they are on the list: `Email Status`.
    Status,
    /// The same, or where they live: `state`.
    Place,
    /// That they are on it, if yes: `opt_in`.
    Yes,
    /// That they are not, if yes: `unsubscribed_at`.
    No,
}

/// What is said of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// They are on the list.
    On,
    /// They are not to get mail.
    Off,
    /// Nothing.
    Silent,
    /// Nothing that is understood.
    Unclear,
}

/// How words for who is on a list begin.
const ON: &str = "subscrib active activated enabl confirme confirmad verified verifie verifiz verificad abonn angemeldet bestatigt inscri \
    suscri isactive issubscrib emailverified";
/// Such words as others could begin with.
const ON_WHOLE: &str =
    "opt opted optin valid marketing activa activo activee actif aktiv aktive aktiver aktiviert";
/// What stands beside them and takes nothing away.
const BESIDE: &str = "in double single email newsletter contact is and currently still";
/// How words for who gets no mail begin, which in a column's name say as much.
const OFF_NAMED: &str = "unsub bounc complain spam junk blacklist blocklist blocked suppress disabl delet remov undeliver unreach invalid \
    optout optedout abgemeld abbestell ausgetragen gesperrt uitgeschreven desabonn desinscri donotmail donotemail donotcontact donotsend \
    donotdisturb dontmail dontemail noemail nomail notsubscri nonsubscri inactiv inaktiv deactiv unconfirm unverif";
/// How others begin, which say it as somebody's status alone.
const OFF: &str = "abus block suspend pending pendient waiting await attente request archiv transactional cancel clean expir paus snooz stopp reject \
    refus revok withdr declin laps ausstehend gekundigt geloscht widerruf resili supprim bloqu rebot eliminad leaver failed disiscri cancellat cancelad \
    descadastr avregistr avmeld afmeld frameld wypis odhlas";
/// Such words as others could begin with.
const OFF_WHOLE: &str = "off out former ex";
/// Such words as a column is called by, too.
const OFF_WHOLE_NAMED: &str = "left leave gone quit dead deceased banned dnc";
/// Words that turn another one round.
const NOT: &str = "not non no never dont nicht kein keine nie pas jamais nunca";
/// How they stand before it as one word.
const UN: &str = "un in non not de des dis";
/// What is not to be done or not there, beside being on a list.
const MAIL: &str = "mail email contact disturb send write marketing consent permission";
/// A whole answer.
const NAY: &str = "no false f n nein non nee nao";
const YEA: &str = "yes true t y x ja oui si sim 1";
/// That nothing is there.
const NONE: &str = "none null nil na never";
/// Beside the digits of a date.
const CLOCK: &str = "t z utc gmt am pm at um h th st nd rd mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec mai okt \
    dez mrz ene abr ago dic gen mag giu lug ott";
/// How months begin that are written out.
const MONTHS: &str = "januar febr march marz mars april avril juin june juni juil july juli august aout septem octob novem decem oktob dezem \
    janv fevr enero marzo mayo agosto septiem noviem diciem gennai maggio giugno luglio settem ottob dicem";
/// That who had left is on the list again.
const BACK: &str = "optedin optin";
/// Words for who is on a list, which may be about something else where one is to tell who left.
const NOUNS: &str = "marketing subscriber subscribers opt";
/// In the names of columns for a status, of such as may be places, and of such as ask for a yes.
const STATUS: &str = "status statut zustand situacao";
const PLACE: &str = "state estado stato etat";
const ASKS: &str = "optin optedin consent permission marketing confirm newsletter einwilligung";
/// In the names of those that are not about mail, unless it is named beside.
const OTHER_WAYS: &str = "sms phone whatsapp telefon push";
/// In the names of what goes along with a yes and is none.
const ASIDE: &str = "sent ip token code hash id source agent url link requested";

/// What a column may tell of who is on a list, by its name.
pub(super) fn tells(name: &str) -> Option<Tells> {
    let folded = folded(name);
    let words: Vec<&str> = folded.split_whitespace().collect();
    let whole = words.concat();
    let holds = |parts: &'static str| of(parts).any(|part| whole.contains(part));
    let has = |known: &'static str| words.iter().any(|word| is_one(word, known));
    let is_cancelled = holds("subscri abonn") && words.iter().any(|word| word.starts_with("cancel"));
    if holds(OTHER_WAYS) && !holds("mail") && !has("all") {
        None
    } else if holds(OFF_NAMED) || has(OFF_WHOLE_NAMED) || is_cancelled || is_baja(&words) {
        Some(Tells::No)
    } else if holds(STATUS) {
        Some(Tells::Status)
    } else if of(PLACE).any(|place| whole.ends_with(place)) {
        Some(Tells::Place)
    } else {
        (!has(ASIDE) && (holds(ASKS) || said(&words) == Sense::On)).then_some(Tells::Yes)
    }
}

/// What stands in a column that may tell who is on a list.
pub(super) fn sense(tells: Tells, text: &str) -> Sense {
    let folded = folded(text);
    let words: Vec<&str> = folded.split_whitespace().collect();
    let whole = words.concat();
    let is = |known: &'static str| of(known).any(|word| word == whole);
    // As `0000-00-00`, too.
    let is_zero = !whole.is_empty() && whole.bytes().all(|byte| byte == b'0');
    match tells {
        // A link to unsubscribe is everybody's.
        Tells::No if whole.is_empty() || is_zero || is(NAY) || is(NONE) || text.contains("://") => {
            Sense::Silent
        }
        // `Marketing` and `Subscriber` may be what they left, and who took them off.
        Tells::No if is(BACK) || words.len() == 1 && is_on(&whole) && !is_one(&whole, NOUNS) => Sense::Silent,
        Tells::No => Sense::Off,
        Tells::Yes if text.is_empty() => Sense::Unclear,
        _ if text.is_empty() => Sense::Silent,
        Tells::Status | Tells::Yes if is_zero || is(NAY) => Sense::Off,
        Tells::Status | Tells::Yes if is(YEA) => Sense::On,
        Tells::Yes if is_date(&words) && said(&words) != Sense::Off => Sense::On,
        Tells::Status | Tells::Place | Tells::Yes => said(&words),
    }
}

/// Whether words are a date or a time, and nothing else: `withdrawn 2023-05-01` is none.
fn is_date(words: &[&str]) -> bool {
    let is_part = |word: &&str| {
        let letters = word.trim_matches(|c: char| c.is_ascii_digit());
        letters.is_empty() || is_one(letters, CLOCK) || of(MONTHS).any(|month| letters.starts_with(month))
    };
    let digits = words.iter().flat_map(|word| word.bytes()).filter(u8::is_ascii_digit);
    digits.count() > 4 && words.iter().all(is_part)
}

/// What words say.
fn said(words: &[&str]) -> Sense {
    let has = |is: &dyn Fn(&str) -> bool| words.iter().any(|word| is(word));
    let is_negated = has(&|word| is_one(word, NOT));
    if has(&is_off) || is_baja(words) || is_negated && has(&|word| is_on(word) || is_one(word, MAIL)) {
        return Sense::Off;
    }
    let is_all = words.iter().all(|word| is_on(word) || is_one(word, BESIDE));
    if is_all && has(&is_on) { Sense::On } else { Sense::Unclear }
}

fn is_on(word: &str) -> bool {
    is_one(word, ON_WHOLE) || of(ON).any(|stem| word.starts_with(stem))
}

fn is_off(word: &str) -> bool {
    let begins = |stems| of(stems).any(|stem| word.starts_with(stem));
    is_one(word, OFF_WHOLE)
        || is_one(word, OFF_WHOLE_NAMED)
        || begins(OFF_NAMED)
        || begins(OFF)
        || of(UN).any(|un| word.strip_prefix(un).is_some_and(is_on))
}

/// `dado de baja`; not `Baja California`.
fn is_baja(words: &[&str]) -> bool {
    words.last() == Some(&"baja")
}

fn of(words: &'static str) -> impl Iterator<Item = &'static str> {
    words.split_ascii_whitespace()
}

fn is_one(word: &str, words: &'static str) -> bool {
    of(words).any(|known| known == word)
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
            assert_eq!(sense(Tells::Status, word.trim()), sense_of_all, "{word}");
        }
    }

    #[test]
    fn whoever_gets_no_mail_is_known_in_many_words() {
        all(
            "unsubscribe, opted_out, Opted out, opt-out, optout, left, gone, bounce, hard bounce, soft bounce, Hard Bounced, complaint, \
             spam complaint, abuse, blocked, blacklisted, suppressed, do not contact, Don't mail, not subscribed, Non-Subscribed, \
             nonsubscribed, pending, not confirmed, Waiting for confirmation, disabled, archived, transactional, Abgemeldet, désabonné, \
             de\u{301}sabonne\u{301}, De\u{301}sinscrit, unsubscribed, cleaned, inactive, Inaktiv, deactivated, unconfirmed, noch nicht \
             bestätigt, Non-marketing contact, NEVER_SUBSCRIBED, no longer subscribed, former subscriber, subscription cancelled, no, FALSE, 0, never confirmed, unverified, disiscritto, Descadastrado, avregistrerad, Wypisany",
            Sense::Off,
        );
    }

    #[test]
    fn whoever_gets_mail_is_known_where_every_word_says_so() {
        all(
            "subscribed, Subscriber, ACTIVE, Active_Subscriber, opted-in, opt in, Double opt-in, confirmed, enabled, Abonné, Marketing contact, yes, true, 1",
            Sense::On,
        );
    }

    #[test]
    fn what_is_an_attribute_or_in_no_known_words_is_unclear() {
        all(
            "gold, silver, VIP, uit, In verification, Email verification, activation email, Aktivierung, previously subscribed, subscription ended, none, 3, ?",
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
            assert_eq!(sense(Tells::Place, state), Sense::Unclear, "{state}");
        }
    }

    #[test]
    fn a_column_that_tells_is_known_by_its_name() {
        let told = |names: &str, told: Option<Tells>| {
            for name in names.split(',') {
                assert_eq!(tells(name), told, "{name}");
            }
        };
        told(
            "Unsubscribed,unsubscribed_at,Unsubscribe reason,opt_out,Opted Out,HasOptedOutOfEmail,bounced,do_not_email,deleted_at,SUPPRESSED,\
             Unsubscribed from all email,EMAIL_BLACKLISTED,Blocked,spam,Abgemeldet am,désabonné,Fecha de baja,Inactive,email_disabled,\
             left_at,DNC,Banned,Subscription cancelled,Unsubscribed from email and SMS,Do not email or phone",
            Some(Tells::No),
        );
        told(
            "status,Email Status,Member Status,Contact Status,list_status,Zustand,statut,Subscription Status",
            Some(Tells::Status),
        );
        told("state,estado,Subscriber State", Some(Tells::Place));
        told(
            "Subscribed,Active,is_active,isActive,opt-in,DOUBLE_OPT-IN,Accepts Email Marketing,gdpr_consent,Newsletter,confirmed_at,\
             Marketing Permission,email_verified,abonné",
            Some(Tells::Yes),
        );
        told(
            "first_name,city,plan,active_subscription,mood,subscribed_at,created_at,subscriber_id,Days active (30d),Cancel date,Activity,interactive,last_active,\
             Accepts SMS Marketing,SMS_BLACKLISTED,adoption_info,tags,source,company,notes,confirmation_sent_at,confirmation_token,opt_in_ip,\
             Allow phone calls",
            None,
        );
    }

    #[test]
    fn a_column_for_who_left_says_so_in_any_words_but_a_no() {
        for text in [
            "yes",
            "1",
            "2023-01-01",
            "01.02.2023",
            "x",
            "true",
            "too many mails",
            "unsubscribed",
            "oui",
            "Marketing",
            "Subscriber",
        ] {
            assert_eq!(sense(Tells::No, text), Sense::Off, "{text}");
        }
        for text in [
            "",
            "-",
            "no",
            "FALSE",
            "0",
            "0.00",
            "nein",
            "null",
            "0000-00-00",
            "subscribed",
            "https://a.example/u",
        ] {
            assert_eq!(sense(Tells::No, text), Sense::Silent, "{text}");
        }
    }

    #[test]
    fn a_column_that_asks_for_a_yes_is_answered_by_a_date_too() {
        for text in [
            "yes",
            "TRUE",
            "1",
            "Ja",
            "2023-01-01 10:00",
            "2023-01-01T10:00:00Z",
            "Sun, 1st Jan 2023 at 10:00:00 GMT",
            "1. März 2023",
            "Opted in",
            "x",
        ] {
            assert_eq!(sense(Tells::Yes, text), Sense::On, "{text}");
        }
        for text in [
            "no",
            "0",
            "f",
            "nein",
            "0000-00-00",
            "Opted out",
            "withdrawn",
            "Abgemeldet",
            "withdrawn 2023-05-01",
            "declined 2023-01-01",
            "opted out on 2021-01-02",
        ] {
            assert_eq!(sense(Tells::Yes, text), Sense::Off, "{text}");
        }
        for text in ["", "weekly", "?", "no (2022-04-05)", "not since 2023", "lopetettu 2023-05-01"] {
            assert_eq!(sense(Tells::Yes, text), Sense::Unclear, "{text}");
        }
    }
}
