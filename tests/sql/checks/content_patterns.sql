-- case: does not compile
-- as: superuser
-- finds: error row phone_number of messaging.content_patterns: invalid regular expression
set session_replication_role = replica;
update messaging.content_patterns set pattern = '(' where name = 'phone_number';

-- case: matches every text
-- as: superuser
-- finds: error row phone_number of messaging.content_patterns: matches every text
set session_replication_role = replica;
update messaging.content_patterns set pattern = 'x*' where name = 'phone_number';

-- case: needs what does not compile
-- as: superuser
-- finds: error row phone_number of messaging.content_patterns: invalid regular expression
set session_replication_role = replica;
update messaging.content_patterns set needs = '[' where name = 'phone_number';

-- case: none
-- finds: warning table messaging.content_patterns: is empty
delete from messaging.content_patterns;
-- mend:
select messaging.set_content_pattern('swearing', 'profanity', 'damn');

-- case: silent about which patterns there are
select messaging.remove_content_pattern('phone_number');
select messaging.set_content_pattern('swearing', 'profanity', 'damn');
