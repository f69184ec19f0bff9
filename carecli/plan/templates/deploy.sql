-- Deploy {{ project }}:{{ change }} to pg
--
-- What: {{ note }}
-- Why:
-- Requires: {{ requires }}.
-- Transaction: yes.

begin;

-- The statements of this change: one idea, every object qualified, every constraint named.

commit;
