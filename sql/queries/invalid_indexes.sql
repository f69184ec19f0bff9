-- Indexes that a failed `create index concurrently` left behind.
select indexrelid::regclass::text
  from pg_index
 where not indisvalid
 order by 1;
