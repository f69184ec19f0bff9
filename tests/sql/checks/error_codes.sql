-- case: missing
-- finds: error row not_found of messaging.error_codes: is missing
delete from messaging.error_codes where code = 'not_found';

-- case: another status
-- finds: error row not_found of messaging.error_codes: has HTTP status 410, not 404
update messaging.error_codes set http_status = 410 where code = 'not_found';

-- case: another text
-- finds: error row not_found of messaging.error_codes: says something else
update messaging.error_codes set user_message = 'Oops' where code = 'not_found';

-- case: silent about further codes
insert into messaging.error_codes (code, http_status, user_message, client_action)
values ('teapot', 418, 'No coffee', 'Make tea');
