-- How many messages were booked of a relay's quota, by share of its window; what has left the window is deleted.
create table quota (
    name text collate "C" not null,
    start bigint not null,               -- when the share began; -1 is the row that those who book wait for
    messages bigint not null,
    primary key (name, start)
);

-- What was said when an address was suppressed.
alter table suppression add column detail text;
