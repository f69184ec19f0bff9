-- The session that holds the migration lock.
-- Some databases end sessions that idle; this one has to. A client whose machine is gone, on the other
-- hand, is to be noticed in a minute and not in the two hours that systems take by default.
set idle_session_timeout = 0;
set tcp_keepalives_idle = 20;
set tcp_keepalives_interval = 10;
set tcp_keepalives_count = 4;
