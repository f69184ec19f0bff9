-- Count the calls by the minute, up to now.
select messaging.roll_up();
