-- The deployed change that a dependency on another project means, as sqitch looks it up: by id;
-- by name as of a tag (@HEAD: the latest of the name, @ROOT: none); by tag (@HEAD: the change
-- deployed last, @ROOT: first); by name (the earliest).
select c.change_id
  from {registry}.changes as c
 where case
           when %(change_id)s::text is not null then c.change_id = %(change_id)s
           when c.project <> %(project)s then false
           when %(change)s::text is not null
               then c.change = %(change)s
                and (
                       %(tag)s::text is null
                    or %(tag)s = 'HEAD'
                    or exists (
                       select
                         from {registry}.tags as t
                        where t.project = c.project
                          and t.tag = '@' || %(tag)s
                          and t.committed_at >= c.committed_at
                    )
                )
           else %(tag)s in ('HEAD', 'ROOT')
             or c.change_id = (
                   select t.change_id
                     from {registry}.tags as t
                    where t.project = %(project)s
                      and t.tag = '@' || %(tag)s
                )
       end
 order by case
              when %(tag)s::text is null or %(tag)s = 'ROOT' then c.committed_at
          end,
          c.committed_at desc
 limit 1;
