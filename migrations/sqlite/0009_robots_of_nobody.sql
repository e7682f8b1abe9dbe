-- What gave a robot away while it was known whose the event was, where its reader let it be forgotten since: the rule (src/store/event.rs)
-- and, times 256, the version of the rules.
alter table event add column robot bigint;
