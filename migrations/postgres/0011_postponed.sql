-- When a reader was first put off untried, since their destination asked others for less: from then on too it is counted how long they wait.
alter table delivery add column postponed_at bigint;
