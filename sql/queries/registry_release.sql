-- Record that the registry has been installed in the version that sqitch calls 1.1.
insert into {registry}.releases (version, installer_name, installer_email)
values (1.1, %(committer_name)s, %(committer_email)s);
