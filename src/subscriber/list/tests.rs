use proptest::prelude::*;

use std::collections::BTreeMap;

use super::*;
use crate::newsletter::Tracking;
use crate::subscriber::{Entry, Format, SuppressionReason};

fn read(file: impl AsRef<[u8]>) -> (Vec<Entry>, Vec<BadLine>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for line in ListReader::new(file.as_ref()).unwrap() {
        match line.unwrap() {
            Ok(row) => good.push(row.entry),
            Err(line) => bad.push(line),
        }
    }
    (good, bad)
}

fn addresses(file: impl AsRef<[u8]>) -> Vec<String> {
    read(file).0.into_iter().map(|entry| entry.address.to_string()).collect()
}

fn bad(file: impl AsRef<[u8]>) -> Vec<String> {
    read(file).1.iter().map(ToString::to_string).collect()
}

#[test]
fn an_export_is_read_as_it_comes() {
    let file = "\u{feff}EMail;Name;First Name;tracking;format\r\nada@example.com;\"Lovelace; \"\"Ada\"\"\";Ada;NONE;text\r\n\r\nbo@example.com;;;;";
    let (entries, bad) = read(file);
    assert_eq!(bad, []);
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].name.as_deref(), Some("Lovelace; \"Ada\""));
    assert_eq!(entries[0].attributes, BTreeMap::from([("first_name".to_owned(), "Ada".to_owned())]));
    assert_eq!((entries[0].tracking, entries[0].format), (Some(Tracking::None), Some(Format::Text)));
    assert_eq!((entries[1].name.as_ref(), entries[1].tracking, entries[1].format), (None, None, None));
}

#[test]
fn tabs_separate_columns_too() {
    let (entries, bad) = read("name\temail\n\tada@example.com\n \"Bo\" \t bo@example.com \n");
    assert_eq!(bad, []);
    assert_eq!(entries[0].name, None);
    assert_eq!(entries[1].name.as_deref(), Some("Bo"));
}

#[test]
fn a_bad_line_is_reported_with_its_number_and_skipped() {
    let file = b"email,name,tracking\nada@example.com,Ada,\nno address,,\n,,\nbo@example.com,Bo\ncy@example.com,Cy,all\n\
        di@example.com,D\xFCrer,\ned@example.com,E\x1b[31md,\nfy@example.com,=?utf-8?q?a?=,\ngo@example.com,Go,none\n";
    assert_eq!(addresses(file), ["ada@example.com", "go@example.com"]);
    insta::assert_snapshot!(bad(file).join("\n"), @"
    line 3: the address is malformed: it lacks an `@`
    line 4: the address is empty
    line 5: it has 2 columns, the header 3
    line 6: `all` is no tracking; it is `individual`, `aggregate` or `none`, or empty
    line 7: it is not UTF-8; save the file as UTF-8
    line 8: the name may stand in no header: it holds a line break or another control character
    line 9: the name may stand in no header: it holds an encoded-word (`=?…?=`); write the words themselves
    ");
}

#[test]
fn a_value_with_line_breaks_is_one_line_of_its_reader_and_adds_none_of_its_own() {
    let file = "email,name,note\nada@example.com,\"Ada\r\n \n Lovelace\",\"hello\t\u{2028}\nvictim@example.com,\nbye\n\"\nbo@example.com,,\n";
    let (entries, bad) = read(file);
    assert_eq!(bad, []);
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(entries[0].attributes["note"], "hello victim@example.com, bye");
}

#[test]
fn a_line_break_in_an_address_or_in_far_too_long_a_value_spoils_the_line() {
    assert_eq!(
        bad("email\n\"ada@\nexample.com\"\n\"ada@example.com\nbo@example.com\"\n"),
        [
            "line 2: the address is malformed: it holds a control character",
            "line 4: the address is malformed: it holds a control character"
        ]
    );
    let file = format!("email,note\nada@example.com,\"{}\"\nbo@example.com,\n", "x\n".repeat(99));
    assert_eq!(addresses(&file), ["ada@example.com", "bo@example.com"]);
    let lines = "0123456789\n".repeat(98);
    assert_eq!(
        bad(format!("email,note\nada@example.com,\"{lines}\"\n")),
        ["line 2: its `note` is longer than 1000 characters"]
    );
    let long = format!(
        "email,note\nada@example.com,\"{}\"\nbo@example.com,\n",
        format!("{}\n", "x".repeat(1000)).repeat(70)
    );
    assert_eq!(addresses(&long), ["bo@example.com"]);
}

#[test]
fn a_line_break_in_what_is_not_kept_keeps_nobody_on_a_list_who_left() {
    let file = "Email Address,First Name,UNSUB_TIME,LEID,NOTES\n\
        ada@example.com,\"Ada\nL.\",2024-01-02 03:04:05,1,\"called us\nplease remove \u{fffd}\"\n";
    let row = ListReader::new(file.as_bytes()).unwrap().next().unwrap().unwrap().unwrap();
    assert!(matches!(row.standing, Standing::Left(Some(_))));
    assert_eq!(row.entry.name.as_deref(), Some("Ada L."));
    let do_not_mail = "email,reason\nada@example.com,\"550\nuser unknown\"\n\"bo@example.com\n";
    let mut suppressed = SuppressedReader::new(do_not_mail.as_bytes()).unwrap().map(Result::unwrap);
    assert_eq!(suppressed.next().unwrap().unwrap().reason, SuppressionReason::Bounced);
    let in_quotes = suppressed.next().unwrap().unwrap();
    assert_eq!(in_quotes.addresses, [crate::mailbox::EmailAddress::parse("bo@example.com").unwrap()]);
    assert_eq!(in_quotes.remark.unwrap().to_string(), "line 4: its quotes do not match; the address counts");
}

#[test]
fn every_address_of_a_line_of_a_do_not_mail_list_counts_and_what_may_be_one_is_reported() {
    let read = |file: &str| -> Vec<String> {
        let lines = SuppressedReader::new(file.as_bytes()).unwrap().map(Result::unwrap);
        let said = lines.map(|line| match line {
            Ok(Suppressed { addresses, missed, .. }) => {
                let addresses: Vec<_> = addresses.iter().map(crate::mailbox::EmailAddress::local).collect();
                format!("{}{}", addresses.join(" "), if missed.is_some() { " and?" } else { "" })
            }
            Err(_) => "bad".to_owned(),
        });
        said.collect()
    };
    for file in [
        "a@x.example,b@x.example,c@x.example\n",
        "a@x.example; b@x.example; c@x.example\n",
        "a@x.example b@x.example\tc@x.example",
        "A, B <a@x.example>; <b@x.example>, C <c@x.example>\n",
        "Ada,a@x.example,Bo <b@x.example>,c@x.example,1\n",
        "email,name,email2,E-Mail 3\na@x.example,A,b@x.example,c@x.example\n",
        "email,reason\n\"a@x.example, b@x.example\nc@x.example\",550 <d@x.example> unknown\n",
        "email,sender,added by\n a@x.example;b@x.example c@x.example,news@x.example,op@x.example\n",
    ] {
        assert_eq!(read(file), ["a b c"], "{file}");
    }
    assert_eq!(read("a@x.example\nb@x.example; c@x.example\n"), ["a", "b c"]);
    assert_eq!(read("email,alternative\na@x.example,b@x.example\nb@x.example,B\n"), ["a and?", "b"]);
    assert_eq!(read("a@x.example,asked by boss@x.example to go\n"), ["a and?"]);
    assert_eq!(read("a@x.example,b@@x.example\n"), ["a and?"]);
    assert_eq!(read("a@x.example,550 <a@x.example> unknown\n"), ["a"]);
    assert_eq!(read("email\nnobody\nboss@x.example says no\n"), ["bad", "bad"]);
    assert_eq!(read("email,email2\n,b@x.example\n\"a@x.example\" x,b@x.example\n"), ["b", "b and?"]);
}

#[test]
fn who_left_is_kept_as_one_who_left_whatever_is_wrong_with_what_they_are_called() {
    let long = "x".repeat(1001);
    let file = format!(
        "email,name,created_at,id,status,tier,note\nada@example.com,E\u{1b}d,,1,unsubscribed,free,{long}\n\
        bo@example.com,E\u{1b}d,,2,active,free,\nada@,,,3,unsubscribed,free,\n"
    );
    let reader = ListReader::new(file.as_bytes()).unwrap();
    assert_eq!(
        reader.attributes().collect::<Vec<_>>(),
        ["tier", "note"],
        "a service's own numbers are not kept"
    );
    let rows: Vec<_> = reader.map(|row| row.unwrap()).collect();
    assert_eq!(rows[0].as_ref().unwrap().standing, Standing::Left(None));
    assert_eq!(rows[0].as_ref().unwrap().entry.name, None);
    let others: Vec<_> = rows[1..].iter().map(|row| row.as_ref().unwrap_err().to_string()).collect();
    assert_eq!(
        others,
        [
            "line 3: the name may stand in no header: it holds a line break or another control character",
            "line 4: the address is malformed: a part beside the `@` is empty"
        ]
    );
    assert_eq!(bad(b"email\n\xFC@example.com\n"), ["line 2: it is not UTF-8; save the file as UTF-8"]);
}

#[test]
fn lines_that_all_end_in_a_cr_are_lines_too() {
    let (entries, bad) = read("email,note\rada@example.com,\"a\nb\"\r\rbo@example.com,c");
    assert_eq!(bad, []);
    assert_eq!((entries.len(), &*entries[0].attributes["note"]), (2, "a b"));
    assert_eq!(addresses("email,name\r\r\n\"ada@example.com\",Ada\r\r\n"), ["ada@example.com"]);
    assert_eq!(
        addresses("email,\"fa\rvourite\"\nada@example.com,x\nbo@example.com,y"),
        ["ada@example.com", "bo@example.com"]
    );
}

#[test]
fn a_forgotten_quote_costs_its_line_alone() {
    let mut file = "email,name\nada@example.com,\"Ada\n".to_owned();
    file.extend((0..50).map(|n| format!("reader{n}@example.com,\"Reader, {n}\"\n")));
    assert_eq!(addresses(&file).len(), 50);
    assert_eq!(bad(&file), ["line 2: a quote is not closed"]);
    assert_eq!(bad("email\n\"ada@example.com\nbo@example.com"), ["line 2: a quote is not closed"]);
}

#[test]
fn a_quote_forgotten_at_the_end_of_one_and_the_beginning_of_another_swallows_nobody_unsaid() {
    let file =
        "email,name\nada@example.com,\"Ada\nbo@example.com,Bo\ncy@example.com,Cy\"\ndee@example.com,Dee\n";
    assert_eq!(addresses(file), ["dee@example.com"]);
    assert_eq!(
        bad(file),
        [
            "line 2: its quoted value runs on to line 3, which reads as a reader's own; close the quote, or change that line"
        ]
    );
    let noted = "email,note\nada@example.com,\"asks for:\n- fewer mails, please\n- bo@example.com\"\n";
    assert_eq!(addresses(noted), ["ada@example.com"]);
}

#[test]
fn a_line_far_too_long_is_skipped_and_the_next_is_read() {
    let file = format!("email,x\nada@example.com,{}\nbo@example.com,y\n", "x".repeat(200_000));
    assert_eq!(addresses(&file), ["bo@example.com"]);
    assert_eq!(bad(&file), ["line 2: it is longer than 64 KiB"]);
}

#[test]
fn a_header_that_cannot_serve_says_why() {
    let wrong = |header: &[u8]| ListReader::new(header).unwrap_err().to_string();
    let columns = "x,".repeat(300);
    let said = [
        wrong(b"address,name\na@b.example,A\n"),
        wrong(b""),
        wrong(b"email,First Name,first-name\n"),
        wrong(b"email,\"name\n"),
        wrong(b"email,n\xFC\n"),
        wrong(columns.as_bytes()),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    the header has no column `email`; the first line names the columns, as in `email,name`; found `address`, `name`
    the header has no column `email`; the first line names the columns, as in `email,name`; found nothing
    the column `first_name` is there twice; rename one
    a quote in the header is not closed; the first line names the columns, as in `email,name`
    the header is not UTF-8; save the file as UTF-8
    the header has 301 columns; a list has at most 200
    ");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut file = b"email,name,tracking\n".to_vec();
        file.extend(&bytes);
        let lines = file.split(|byte| *byte == b'\n').count();
        let (good, bad) = read(&file);
        prop_assert!(good.len() + bad.len() <= lines);
        if let Ok(reader) = ListReader::new(bytes.as_slice()) {
            prop_assert!(reader.count() <= bytes.len());
        }
    }

    #[test]
    fn what_a_spreadsheet_quotes_is_read_back(names in prop::collection::vec("[ -~äß字]{0,12}", 1..5)) {
        let quoted = names.iter().map(|name| name.replace('"', "\"\""));
        let lines: Vec<_> = quoted.enumerate().map(|(n, name)| format!("\"{name}\",r{n}@example.com\n")).collect();
        let file = format!("name,email\n{}", lines.concat());
        let (good, bad) = read(&file);
        prop_assert_eq!(good.len() + bad.len(), names.len());
        for entry in good {
            let n: usize = entry.address.local()[1..].parse().unwrap();
            prop_assert_eq!(entry.name.unwrap_or_default(), names[n].trim());
        }
    }
}

#[test]
fn who_is_neither_said_to_want_mail_nor_not_is_not_taken_for_subscribed() {
    let substack = "email,active_subscription,email_disabled\na@example.com,false,maybe\nb@example.com,true,\nc@example.com,true,false\n";
    let ghost =
        "email,name,subscribed_to_emails\na@example.com,A,maybe\nb@example.com,B,\nc@example.com,C,true\n";
    for file in [substack, ghost] {
        let rows: Vec<_> = ListReader::new(file.as_bytes())
            .unwrap()
            .map(|row| row.unwrap().map(|row| row.standing))
            .collect();
        assert_eq!(
            rows[0].as_ref().unwrap_err().to_string(),
            "line 2: `maybe` is neither `true` nor `false`"
        );
        assert_eq!(rows[1..], [Ok(Standing::Outside), Ok(Standing::Subscribed)]);
    }
}

#[test]
fn nobody_whose_own_line_says_that_they_are_not_on_the_list_is_taken_for_subscribed() {
    for header in ["Status", "STATE", "Subscription status"] {
        let file = format!(
            "email,name,{header}\na@example.com,A,subscribed\nb@example.com,B,Unsubscribed\nc@example.com,C,cleaned\n\
             d@example.com,D,bounced\ne@example.com,E,complained\nf@example.com,F,\ng@example.com,G,Ohio\n"
        );
        assert_eq!(addresses(&file), ["a@example.com", "f@example.com", "g@example.com"]);
        let bad = bad(&file);
        assert_eq!(bad.len(), 4);
        assert!(bad[0].contains("is `Unsubscribed`; take the line out, import"), "{}", bad[0]);
    }
    let kit = "email,first_name,status\na1@example.com,A,unsubscribed\na2@example.com,A,active\n";
    assert_eq!(addresses(kit), ["a2@example.com"]);
    assert_eq!(
        addresses("email,mood\na@example.com,inactive\n"),
        ["a@example.com"],
        "another column is theirs"
    );
}

fn standings(file: &str) -> Vec<Result<Standing, String>> {
    let reader = ListReader::new(file.as_bytes()).unwrap();
    reader.map(|row| row.unwrap().map(|row| row.standing).map_err(|bad| bad.to_string())).collect()
}

#[test]
fn an_export_is_known_whatever_its_column_of_addresses_is_called() {
    let away = |standing: &Standing| matches!(standing, Standing::Left(Some(_)) | Standing::Suppressed(_));
    for address in ["email", "E-Mail", "E-Mail-Adresse", "Adresse e-mail", "Dirección de correo electrónico"]
    {
        for column in ["UNSUB_TIME", "MEMBER_RATING,LEID,EUID,CLEAN_TIME"] {
            let empty = ",".repeat(column.matches(',').count());
            let file =
                format!("First Name,{address},{column}\nAda,ada@example.com,{empty}2024-01-02 03:04:05\n");
            assert!(standings(&file)[0].as_ref().is_ok_and(away), "{file}");
        }
    }
    let others = [
        ("uuid,attributes,status", "1,,disabled"),
        ("subscribed_to_emails", "false"),
        ("first_name,status,created_at,unsubscribed_at", "Ada,,2020-01-01,2024-01-01"),
        ("status,tier", "inactive,free"),
        ("active_subscription,email_disabled", "false,true"),
        ("type,creation_date", "removed,2024-01-01"),
    ];
    for (columns, words) in others {
        let file = format!("{columns},E_Mail\n{words},ada@example.com\n");
        assert!(matches!(standings(&file)[..], [Ok(Standing::Left(_))]), "{file}");
        let unknown = ListReader::new(format!("{columns},Поштова адреса\n").as_bytes()).unwrap_err();
        let remedy = "no column of it is called as those with addresses are; call that column `email`";
        assert!(unknown.to_string().contains(remedy), "{unknown}");
        assert!(unknown.to_string().contains("`Поштова адреса`"), "{unknown}");
    }
}

#[test]
fn of_two_columns_that_could_hold_the_addresses_it_is_the_services_own() {
    let file = "Email,Email Address,LEID\nada@home.example,ada@example.com,1\n";
    assert_eq!(addresses(file), ["ada@example.com"]);
    assert_eq!(
        addresses("e-mail,Email,mail\nada@home.example,ada@example.com,ada@work.example\n"),
        ["ada@example.com"]
    );
}

#[test]
fn a_list_of_no_known_service_passes_for_none() {
    let service =
        |header: &str| ListReader::new(header.as_bytes()).unwrap().recognised().map(|known| known.service);
    assert_eq!(service("email,name,status,subscribed_at,unsubscribed_at\n"), None);
    assert_eq!(service("email,first_name,created_at,status,unsubscribed_at\n"), Some(Service::Kit));
    assert_eq!(service("E-Mail,status\n"), None);
}

#[test]
fn buttondowns_readers_on_trial_get_mail_and_its_malicious_none() {
    let file = "email_address,type,creation_date\na@example.com,trialing,\nb@example.com,malicious,\n";
    assert_eq!(standings(file), [Ok(Standing::Subscribed), Ok(Standing::Outside)]);
}

#[test]
fn nobody_is_taken_for_subscribed_whose_line_says_no_under_whatever_name() {
    let columns = "Unsubscribed: no,yes; unsubscribed_at: ,2023-01-01; opt_out: 0,1; HasOptedOutOfEmail: false,true; bounced: 0,1; \
        do_not_email: ,x; Unsubscribed from all email: false,true; EMAIL_BLACKLISTED: No,Yes; Subscribed: TRUE,FALSE; Active: 1,0; \
        Accepts Email Marketing: yes,no; Newsletter: ja,nein; Email Status: Subscribed,Unsubscribed; list_status: subscribed,cleaned; \
        estado: activo,baja; statut: abonné,désabonné; Zustand: aktiv,abgemeldet; Opt-in: yes,; confirmed_at: 2023-01-01,; \
        Email Status: subscribed,lopetettu; Marketing Permission: Opted in,Opted out";
    for case in columns.split("; ") {
        let (column, words) = case.trim().split_once(':').unwrap();
        let (on, off) = words.trim_start().split_once(',').unwrap();
        let file = format!(
            "email,status,{column}\na@example.com,,{on}\nb@example.com,,{off}\nc@example.com,active,{on}\n"
        );
        let mut reader = ListReader::new(file.as_bytes()).unwrap();
        let rows: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
        let telling = reader.settle().telling;
        let gets = |row: &Result<Row, BadLine>| row.as_ref().is_ok_and(|row| !row.doubts.meet(telling));
        assert_eq!(rows.iter().map(gets).collect::<Vec<_>>(), [true, false, true], "{case}: {rows:?}");
        assert!(rows[0].as_ref().unwrap().entry.attributes.len() <= 1);
    }
    let both =
        "email,status,Email Status\na@example.com,active,subscribed\nb@example.com,active,unsubscribed\n";
    assert_eq!(addresses(both), ["a@example.com"]);
}

#[test]
fn what_a_service_has_of_who_is_away_outranks_a_column_that_says_no() {
    let file = "Email Address,UNSUB_TIME,LEID,Newsletter\na@example.com,2024-01-01,1,no\n";
    assert!(matches!(standings(file)[..], [Ok(Standing::Left(Some(_)))]));
    let own = "email,subscribed_to_emails,Unsubscribed\na@example.com,true,no\nb@example.com,true,yes\n";
    assert_eq!(addresses(own), ["a@example.com"]);
    for (status, on) in [("subscribed_to_emails", "true"), ("pressroom_status", "subscribed")] {
        let joined_elsewhere =
            format!("email,{status},opt_in\na@example.com,{on},yes\nb@example.com,{on},\n");
        let rows = ListReader::new(joined_elsewhere.as_bytes()).unwrap().map(|row| row.unwrap().unwrap());
        assert!(rows.map(|row| row.doubts).all(Doubts::is_empty));
    }
}
