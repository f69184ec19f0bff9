-- case: missing
-- finds: error row send_message of messaging.limits: is missing
delete from messaging.limits where action = 'send_message';

-- case: silent about how high they are
select messaging.set_limit('send_message', 3, '1 day');
