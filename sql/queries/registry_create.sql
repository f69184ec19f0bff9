-- The sqitch registry, version 1.1, for PostgreSQL.
-- What: the tables in which sqitch and carecli record what is deployed, with sqitch's own names,
--       types, order of columns, defaults and constraints, so that either tool can go on from
--       the other.
-- Source of the format: sqitchers/sqitch, lib/App/Sqitch/Engine/pg.sql.
create schema if not exists {registry};

comment on schema {registry} is 'What is deployed to this database (sqitch registry 1.1).';

create table {registry}.releases (
    version         real        primary key,
    installed_at    timestamptz not null default clock_timestamp(),
    installer_name  text        not null,
    installer_email text        not null
);

comment on table {registry}.releases is 'Versions of the registry itself.';
comment on column {registry}.releases.version is 'Registry version.';
comment on column {registry}.releases.installed_at is 'When this version was installed.';
comment on column {registry}.releases.installer_name is 'Who installed it.';
comment on column {registry}.releases.installer_email is 'E-mail address of the installer.';

create table {registry}.projects (
    project       text        primary key,
    uri           text        null unique,
    created_at    timestamptz not null default clock_timestamp(),
    creator_name  text        not null,
    creator_email text        not null
);

comment on table {registry}.projects is 'Projects that have changes in this database.';
comment on column {registry}.projects.project is 'Name of the project, unique in the registry.';
comment on column {registry}.projects.uri is 'URI of the project, where its plan gives one.';
comment on column {registry}.projects.created_at is 'When the project was registered.';
comment on column {registry}.projects.creator_name is 'Who registered it.';
comment on column {registry}.projects.creator_email is 'E-mail address of the one who registered it.';

create table {registry}.changes (
    change_id       text        primary key,
    script_hash     text        null,
    change          text        not null,
    project         text        not null references {registry}.projects (project) on update cascade,
    note            text        not null default '',
    committed_at    timestamptz not null default clock_timestamp(),
    committer_name  text        not null,
    committer_email text        not null,
    planned_at      timestamptz not null,
    planner_name    text        not null,
    planner_email   text        not null,
    unique (project, script_hash)
);

comment on table {registry}.changes is 'Changes deployed at present.';
comment on column {registry}.changes.change_id is 'Identifier of the change: a SHA-1 over its plan entry.';
comment on column {registry}.changes.script_hash is 'SHA-1 of the deploy script as it was deployed.';
comment on column {registry}.changes.change is 'Name of the change.';
comment on column {registry}.changes.project is 'Project that the change belongs to.';
comment on column {registry}.changes.note is 'Note from the plan.';
comment on column {registry}.changes.committed_at is 'When it was deployed.';
comment on column {registry}.changes.committer_name is 'Who deployed it.';
comment on column {registry}.changes.committer_email is 'E-mail address of the one who deployed it.';
comment on column {registry}.changes.planned_at is 'When it was planned.';
comment on column {registry}.changes.planner_name is 'Who planned it.';
comment on column {registry}.changes.planner_email is 'E-mail address of the planner.';

create table {registry}.tags (
    tag_id          text        primary key,
    tag             text        not null,
    project         text        not null references {registry}.projects (project) on update cascade,
    change_id       text        not null references {registry}.changes (change_id) on update cascade,
    note            text        not null default '',
    committed_at    timestamptz not null default clock_timestamp(),
    committer_name  text        not null,
    committer_email text        not null,
    planned_at      timestamptz not null,
    planner_name    text        not null,
    planner_email   text        not null,
    unique (project, tag)
);

comment on table {registry}.tags is 'Tags on the changes deployed at present.';
comment on column {registry}.tags.tag_id is 'Identifier of the tag: a SHA-1 over its plan entry.';
comment on column {registry}.tags.tag is 'Name of the tag with its @, unique in the project.';
comment on column {registry}.tags.project is 'Project that the tag belongs to.';
comment on column {registry}.tags.change_id is 'Change that carries the tag.';
comment on column {registry}.tags.note is 'Note from the plan.';
comment on column {registry}.tags.committed_at is 'When the tag was recorded.';
comment on column {registry}.tags.committer_name is 'Who recorded it.';
comment on column {registry}.tags.committer_email is 'E-mail address of the one who recorded it.';
comment on column {registry}.tags.planned_at is 'When it was planned.';
comment on column {registry}.tags.planner_name is 'Who planned it.';
comment on column {registry}.tags.planner_email is 'E-mail address of the planner.';

create table {registry}.dependencies (
    change_id     text not null references {registry}.changes (change_id) on update cascade on delete cascade,
    type          text not null,
    dependency    text not null,
    dependency_id text null references {registry}.changes (change_id) on update cascade,
    primary key (change_id, dependency),
    constraint dependencies_check check (
           (type = 'require' and dependency_id is not null)
        or (type = 'conflict' and dependency_id is null)
    )
);

comment on table {registry}.dependencies is 'What the deployed changes require and conflict with.';
comment on column {registry}.dependencies.change_id is 'The change that depends.';
comment on column {registry}.dependencies.type is 'require or conflict.';
comment on column {registry}.dependencies.dependency is 'The dependency as the plan writes it.';
comment on column {registry}.dependencies.dependency_id is 'The required change that it was resolved to.';

create table {registry}.events (
    event           text        not null
        constraint events_event_check check (event in ('deploy', 'revert', 'fail', 'merge')),
    change_id       text        not null,
    change          text        not null,
    project         text        not null references {registry}.projects (project) on update cascade,
    note            text        not null default '',
    requires        text[]      not null default '{{}}',
    conflicts       text[]      not null default '{{}}',
    tags            text[]      not null default '{{}}',
    committed_at    timestamptz not null default clock_timestamp(),
    committer_name  text        not null,
    committer_email text        not null,
    planned_at      timestamptz not null,
    planner_name    text        not null,
    planner_email   text        not null,
    primary key (change_id, committed_at)
);

comment on table {registry}.events is 'History: every deployment, reversal and failure.';
comment on column {registry}.events.event is 'deploy, revert, fail or merge.';
comment on column {registry}.events.change_id is 'Identifier of the change.';
comment on column {registry}.events.change is 'Name of the change.';
comment on column {registry}.events.project is 'Project that the change belongs to.';
comment on column {registry}.events.note is 'Note from the plan.';
comment on column {registry}.events.requires is 'What the change required.';
comment on column {registry}.events.conflicts is 'What the change conflicted with.';
comment on column {registry}.events.tags is 'Tags on the change.';
comment on column {registry}.events.committed_at is 'When it happened.';
comment on column {registry}.events.committer_name is 'Who did it.';
comment on column {registry}.events.committer_email is 'E-mail address of the one who did it.';
comment on column {registry}.events.planned_at is 'When the change was planned.';
comment on column {registry}.events.planner_name is 'Who planned it.';
comment on column {registry}.events.planner_email is 'E-mail address of the planner.';
