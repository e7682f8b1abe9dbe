-- What a reader let be counted of an issue since it was queued, at the least; null: all that the newsletter counts, or queued before this.
alter table delivery add column tracking text check (tracking in ('aggregate', 'none'));
