-- By what the newsletter's keys are known, so that machines with other keys are noticed: never the keys. One row.
create table key_fingerprint (
    one bigint not null primary key check (one = 1),
    fingerprint text not null
) without rowid;
