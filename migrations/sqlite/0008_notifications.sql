-- What `notify` is to be told and no relay has taken yet. `tries`: how often it left, and nobody knows whether it arrived; `dropped`: how
-- many older ones had to make room.
create table notification (
    id bigint not null primary key,
    said_at bigint not null,
    issue bigint,
    text text not null,
    tries bigint not null default 0,
    dropped bigint not null default 0
) without rowid;
