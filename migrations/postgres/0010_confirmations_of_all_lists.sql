-- When the last mail left that asks to confirm: of all lists together an address gets few.
alter table pending add column mailed_at bigint;
create index pending_key on pending (key);
