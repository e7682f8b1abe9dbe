//! A file of readers, read into their list.

use super::*;

#[tokio::test]
async fn an_import_says_what_it_did_and_which_lines_were_bad() {
    let mut lists = TestLists::new().await;
    let file = "email,name\nada@example.com,Ada\nnobody,\nADA@example.com,Ada\nbo@example.com,\n";
    let outcome = lists.import(file, HOW).await.unwrap();
    insta::assert_snapshot!(outcome, @"
    list readers: 2 added, 1 repeated, 1 bad and skipped
      line 3: the address is malformed: it lacks an `@`
    ");
    assert_eq!(serde_json::to_value(&outcome).unwrap()["bad"]["first"][0]["line"], 3);
    insta::assert_snapshot!(lists.import(file, HOW).await.unwrap(), @"
    list readers: 2 unchanged, 1 repeated, 1 bad and skipped
      line 3: the address is malformed: it lacks an `@`
    ");
}

#[tokio::test]
async fn a_word_that_is_not_understood_is_no_yes_where_other_lines_say_who_is_on_the_list() {
    let mut lists = TestLists::new().await;
    let file = "email,status,state\nada@example.com,subscribed,Ohio\nbo@example.com,lopetettu,Texas\n\
        cy@example.com,Opted out,\ndi@example.com,,Ohio\n";
    let outcome = lists.import(file, HOW).await.unwrap();
    insta::assert_snapshot!(outcome, @"
    list readers: 2 added, 2 bad and skipped
      line 3: `lopetettu` in its `status` or `Texas` in its `state` does not say in known words whether its reader is on the list, and other lines do so there; write `subscribed`, take the line out, or rename the column
      line 4: its `status` is `Opted out`; take the line out, import the list of who left with `--suppressed`, or rename the column if it is about something else
    ");
    assert_eq!(lists.audience().await, ["ada@example.com", "di@example.com"]);
}

#[tokio::test]
async fn a_status_of_the_editors_own_keeps_nobody_off_the_list_and_is_named() {
    let mut lists = TestLists::new().await;
    let file = "email,status\nada@example.com,gold\nbo@example.com,silver\ncy@example.com,gold\n";
    let outcome = lists.import(file, HOW).await.unwrap();
    insta::assert_snapshot!(outcome, @"
    list readers: 3 added
    no known word for who is on a list is in the column `status` (`gold`, `silver`): it is taken for an attribute, and 3 who have one get mail; by another name it is one without this note
    ");
    assert_eq!(lists.audience().await.len(), 3);
    assert!(lists.show("ada@example.com").await.contains("status: gold"));
}

#[tokio::test]
async fn no_column_that_looks_as_if_it_told_who_is_on_the_list_is_kept_in_silence() {
    let mut lists = TestLists::new().await;
    let file = "email,state,status,Email Status,opt_in,unsubscribed_at\n\
        ada@example.com,Ohio,active,lopetettu,,\nbo@example.com,Ohio,active,gold,weekly,2024-01-01\ncy@example.com,Ohio,,,yes,\n\
        di@example.com,Ohio,,,,\n";
    insta::assert_snapshot!(lists.import(file, HOW).await.unwrap(), @"
    list readers: 2 added, 2 bad and skipped
    no known word for who is on a list is in the column `email_status` (`lopetettu`): it is taken for an attribute, and 1 who have one get mail; by another name it is one without this note
      line 3: its `unsubscribed_at` is `2024-01-01`; take the line out, import the list of who left with `--suppressed`, or rename the column if it is about something else
      line 5: `Ohio` in its `state` or an empty `opt_in` does not say in known words whether its reader is on the list, and other lines do so there; write `subscribed`, take the line out, or rename the column
    ");
    assert_eq!(lists.audience().await, ["ada@example.com", "cy@example.com"]);
}

#[tokio::test]
async fn an_address_that_comes_twice_counts_with_the_line_that_asks_for_less_mail() {
    for (one, other) in
        [("subscribed", "unsubscribed"), ("unsubscribed", "subscribed"), ("lopetettu", "active")]
    {
        let mut lists = TestLists::new().await;
        let file =
            format!("email,status\nada@example.com,{one}\nADA@example.com,{other}\nbo@example.com,active\n");
        let said = lists.import(&file, HOW).await.unwrap().to_string();
        assert!(said.contains("1 added, 1 repeated, 1 bad and skipped"), "{said}");
        assert_eq!(lists.audience().await, ["bo@example.com"]);
    }
}

#[tokio::test]
async fn of_an_address_that_comes_twice_one_no_is_enough_whatever_else_is_in_doubt_and_in_whatever_order() {
    for (header, yes, no) in [
        ("state,opt_out", "Ohio,", "Ohio,yes"),
        ("newsletter,status", "weekly,subscribed", "weekly,lopetettu"),
    ] {
        for lines in [[yes, no], [no, yes]] {
            let mut lists = TestLists::new().await;
            let line = |told: &str| format!("ada@example.com,{told}\n");
            let file = format!("email,{header}\ncy@example.com,{yes}\n{}{}", line(lines[0]), line(lines[1]));
            lists.import(&file, HOW).await.unwrap();
            assert_eq!(lists.audience().await, ["cy@example.com"], "{file}");
        }
    }
}

#[tokio::test]
async fn a_yes_to_one_question_is_none_to_another_and_the_address_beside_it_is_not_told() {
    let mut lists = TestLists::new().await;
    let file = "email,email_verified,is_active,marketing_opt_in,unconfirmed_email\n\
        ada@example.com,true,1,yes,\nbo@example.com,true,1,,\ncy@example.com,true,1,yes,cyril@example.com\n";
    insta::assert_snapshot!(lists.import(file, HOW).await.unwrap(), @"
    list readers: 1 added, 2 bad and skipped
      line 3: an empty `marketing_opt_in` does not say in known words whether its reader is on the list, and other lines do so there; write `subscribed`, take the line out, or rename the column
      line 4: its `unconfirmed_email` is `…@…`; take the line out, import the list of who left with `--suppressed`, or rename the column if it is about something else
    ");
    assert_eq!(lists.audience().await, ["ada@example.com"]);
}

#[tokio::test]
async fn of_an_address_that_comes_twice_a_suppression_counts_before_a_leaving_and_that_before_an_unconfirmed_line()
 {
    let lines = ["subscribed,,complained", "left,2020-01-01,", "gone,,", "subscribed,,"];
    for (less, more) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        for [one, other] in [[less, more], [more, less]] {
            let mut lists = TestLists::new().await;
            let (one, other) = (lines[one], lines[other]);
            let file = format!(
                "email,pressroom_status,pressroom_left_at,pressroom_suppressed\n\
                ada@example.com,{one}\nbo@example.com,subscribed,,\nADA@example.com,{other}\n"
            );
            let counts = lists.import(&file, HOW).await.unwrap().counts;
            let counted = [counts.suppressed, counts.departed, counts.gone];
            assert!(counted[less] == 1 && counted.iter().sum::<u64>() == 1, "{one} and {other}: {counts:?}");
            assert_eq!((counts.repeated, lists.audience().await.len()), (1, 1));
        }
    }
}

#[tokio::test]
async fn of_many_bad_lines_the_first_are_named_and_the_rest_counted() {
    let mut lists = TestLists::new().await;
    let file = format!("email\nada@example.com\n{}", "nobody\n".repeat(1000));
    let said = lists.import(&file, HOW).await.unwrap().to_string();
    assert_eq!(said.lines().count(), 22);
    assert!(said.ends_with("\n  and 980 more"), "{said}");
}

#[tokio::test]
async fn a_large_file_is_taken_in_whole() {
    let mut lists = TestLists::new().await;
    let lines: Vec<String> = (0..1234).map(|n| format!("reader{n}@example.com\n")).collect();
    let outcome = lists.import(&format!("email\n{}", lines.concat()), HOW).await.unwrap();
    assert_eq!(outcome.counts.added, 1234);
    assert_eq!(lists.store.audience(&readers(), HOW.at).await.unwrap().active, 1234);
}

#[tokio::test]
async fn a_file_that_cannot_serve_changes_nothing_and_says_why() {
    let mut lists = TestLists::new().await;
    lists.import("email\nada@example.com\nbo@example.com\n", HOW).await.unwrap();
    let mut said = Vec::new();
    for file in ["email\n", "email\nnobody\n", "email\nada@example.com\n", "address\n"] {
        let error = lists.import(file, HOW).await.unwrap_err();
        said.push(error.to_string());
        said.extend(std::error::Error::source(&error).map(|source| format!("  because {source}")));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    no line of the list `readers` names a reader; mend the file, or empty the list with `pressroom subscribers import readers --allow-shrink`
    no line of the list `readers` names a reader; mend its lines; to empty the list, leave its header alone and `pressroom subscribers import readers --allow-shrink`
      line 2: the address is malformed: it lacks an `@`
    the list `readers` would shrink from 2 readers to 1; look whether its file is whole; if it is, `pressroom subscribers import readers --allow-shrink`
    the list `readers` cannot be read
      because the header has no column `email`; the first line names the columns, as in `email,name`; found `address`
    ");
    assert_eq!(lists.audience().await, ["ada@example.com", "bo@example.com"]);
    let shrink = Import { allow_shrink: true, ..HOW };
    lists.import("email\n", shrink).await.unwrap();
    assert_eq!(lists.audience().await, [""; 0]);
}
