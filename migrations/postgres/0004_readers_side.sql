-- Whom a token's reference stands for. Filled, in order, when an issue is queued and when somebody joins: nobody else has tokens.
create table reader_reference (
    reference bigint not null primary key,
    subscriber bigint not null
);
insert into reader_reference (reference, subscriber)
    select reference, id from subscriber where id in (select subscriber from delivery) order by reference;

-- Clicks and opens. `subscriber` 0: counted for nobody (aggregate tracking, GPC, DNT, consent withdrawn, erased). `place` 0: the pixel.
-- `agent`, `method`, `flags`: see src/store/event.rs. `delay`: seconds since the reader's own message was taken. `seq`: a server's own
-- number for the event, so that the same event is kept once.
create table event (
    issue bigint not null,
    subscriber bigint not null,
    at bigint not null,
    seq bigint not null,
    place bigint not null,
    agent bigint not null,
    method bigint not null,
    flags bigint not null,
    delay bigint,
    primary key (issue, subscriber, at, seq)
);

-- Up to which batch a server's events are kept: one that died between a batch's commit and the end of its own copy brings it again.
create table event_server (
    server text not null primary key,
    last bigint not null
);

-- Where a place leads from now on, with what it was before; the last one counts.
create table link_change (
    issue bigint not null,
    place bigint not null,
    at bigint not null,
    was text not null,
    url text not null,
    primary key (issue, place, at)
);

-- Who left: when, from which issue's link, by which way, why if they said so, and when they took it back.
create table departure (
    list text collate "C" not null,
    subscriber bigint not null,
    at bigint not null,
    issue bigint,
    way text not null check (way in ('one-click', 'page', 'mail', 'command', 'file')),
    reason text,
    undone_at bigint,
    primary key (list, subscriber, at)
);
create index departure_issue on departure (issue) where issue is not null;

-- Who asked to join and has not confirmed yet: one a list and address. The token's hash, never the token.
create table pending (
    list text collate "C" not null,
    key text collate "C" not null,
    token_hash text not null unique,
    address text not null,
    name text,
    asked_at bigint not null,
    mails bigint not null,
    expires_at bigint not null,
    wording text not null,
    source text not null,
    confirmed_at bigint,
    primary key (list, key)
);
create index pending_asked_at on pending (asked_at);
