-- What: nothing of others hangs on our tables: no rewrite rule, no table that inherits from one, no
--     partition outside schema messaging; and no type of others is in schema messaging.
-- Why: a rule changes or copies what is written, a child table shows its rows to whoever reads ours
--     and has no policy of its own.
-- Silent: about the rule that makes a view a view, and about the partitions of the event log.
select
    'error' as level,
    'rule ' || pg_catalog.quote_ident(rule.rulename) || ' on ' || rule.ev_class::regclass::text
        as object,
    'is not of the plan, and changes what statements on the table do' as detail,
    'drop rule ' || pg_catalog.quote_ident(rule.rulename) || ' on '
    || rule.ev_class::regclass::text || ';' as remediation
from pg_catalog.pg_rewrite as rule
where rule.ev_class = any(%(relations)s::oid [])
    and rule.rulename <> '_RETURN'
union all
select
    'error',
    'table ' || child.oid::regclass::text,
    'inherits from ' || link.inhparent::regclass::text || ', whose rows it adds to',
    'alter table '
    || case
        when child.relispartition
            then link.inhparent::regclass::text || ' detach partition '
            || child.oid::regclass::text
        else child.oid::regclass::text || ' no inherit ' || link.inhparent::regclass::text
    end || ';'
from pg_catalog.pg_inherits as link
inner join pg_catalog.pg_class as child
    on link.inhrelid = child.oid
where link.inhparent = any(%(relations)s::oid [])
    and not (
        child.relispartition
        and child.relnamespace = pg_catalog.to_regnamespace('messaging')
    )
union all
select
    'error',
    'type ' || type.oid::regtype::text,
    'is not of the plan, but in its schema',
    case type.typtype when 'd' then 'drop domain ' else 'drop type ' end
    || type.oid::regtype::text || ';'
from pg_catalog.pg_type as type
where type.typnamespace = pg_catalog.to_regnamespace('messaging')
    and type.typtype in ('d', 'e', 'r')
order by object;
