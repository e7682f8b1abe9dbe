-- What an operator said about an issue on its way, until it is finished or for good; the slot is the time of the schedule that it was for.
alter table issue add column brake text check (brake in ('paused', 'cancelled'));
alter table issue add column slot bigint;

-- What an operator decided about single readers' records, with what stood there before.
create table decision (
    issue bigint not null references issue (number),
    subscriber bigint not null,
    at bigint not null,
    decision text not null check (decision in ('resend', 'accepted')),
    was text not null,
    primary key (issue, subscriber, at)
);

-- What dispatch has said, so that it says it once, and until when it has looked at the schedule.
create table notice (
    subject text collate "C" not null primary key,
    at bigint not null
);
