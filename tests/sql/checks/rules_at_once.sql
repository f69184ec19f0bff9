-- case: an old row
-- as: superuser
-- finds: error table messaging.rules_at_once: is not what messaging.limits
set session_replication_role = replica;
update messaging.content_patterns set needs = 'mango' where name = 'phone_number';

-- case: another limit
-- finds: error table messaging.rules_at_once: is not what messaging.limits
update messaging.rules_at_once set send_maximum = 1000;

-- case: empty
-- finds: error table messaging.rules_at_once: is empty
delete from messaging.rules_at_once;

-- case: silent about what limits and patterns say
select messaging.set_limit('send_message', 1000, '1 minute');
select messaging.remove_content_pattern('phone_number');
select messaging.set_content_pattern('swearing', 'profanity', 'damn');
