-- Tables of the application that hold rows (pages, to be exact: cheap, and never wrong about an
-- empty table), outside the registry.
select c.oid::regclass::text
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
 where c.relkind = 'r'
   and n.nspname not in ('pg_catalog', 'information_schema', %(registry)s)
   and n.nspname not like 'pg\_%%'
   and pg_relation_size(c.oid) > 0
 order by 1
 limit 5;
