-- Times are milliseconds since 1970, UTC. Statuses are the kebab-case names of the enums in `subscriber` and `delivery`.

-- Ids are never used again: old deliveries keep theirs after an erasure. Nobody is looked up by reference yet: an index on it, in
-- random order, would double an import's time.
create table subscriber (
    id integer primary key autoincrement,
    address text not null,
    key text not null unique,            -- the address in lower case
    reference bigint not null            -- 64 random bits that stand for the reader in tokens
);

-- What the file says and what the person chose stand apart: the choice outranks the file.
create table subscription (
    list text not null,
    subscriber bigint not null references subscriber (id) on delete cascade,
    status text not null check (status in ('subscribed', 'left', 'gone')),
    since bigint not null,
    left_at bigint,
    origin text not null check (origin in ('file', 'page', 'command')),
    name text,
    tracking text,
    format text,
    attributes text not null,
    chosen_name text,
    chosen_tracking text,
    chosen_format text,
    paused_until bigint,
    consented_at bigint,
    consented_from text,
    consent_wording text,
    primary key (list, subscriber)
) without rowid;

create table suppression (
    key text not null primary key,
    reason text not null,
    at bigint not null
) without rowid;

create table issue (
    number bigint not null primary key,
    list text not null,
    frozen text not null,
    digest text not null,
    queued_at bigint not null,
    state text not null check (state in ('running', 'finished'))
);

-- One record for each (issue, reader), for ever: that is what keeps an issue from going out twice.
create table delivery (
    issue bigint not null references issue (number),
    subscriber bigint not null,
    status text not null check (
        status in ('queued', 'leased', 'sending', 'accepted', 'deferred', 'refused', 'in-doubt', 'skipped')
    ),
    reason text,                         -- of the skipped
    attempts bigint not null default 0,
    owner bigint,
    lease_until bigint,
    since bigint not null,               -- when it came into this status
    retry_at bigint,
    code bigint,
    enhanced text,
    reply text,
    first_attempt_at bigint,
    primary key (issue, subscriber)
) without rowid;

-- `status` is in it so that the planner prefers it to the primary key.
create index delivery_queued on delivery (issue, status, subscriber) where status = 'queued';
create index delivery_deferred on delivery (issue, retry_at) where status = 'deferred';
