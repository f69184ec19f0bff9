-- The registry's version, as sqitch compares it.
select max(version)::text
  from {registry}.releases;
