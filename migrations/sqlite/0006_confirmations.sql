-- A confirmation is mailed by whichever server takes it: when it is due; null once it left, or was asked for before there was this.
alter table pending add column mail_at bigint;
alter table pending add column mail_tries bigint not null default 0;
create index pending_mail_at on pending (mail_at) where mail_at is not null;
-- When a person asked for what they confirmed at `consented_at`.
alter table subscription add column consent_asked_at bigint;
