-- What: the V1 client makes sure that it takes part.
-- Why: and would fail here, for the policy on the table reads the table.
-- Requires: 3_insert_participants.sql.
-- Transaction: yes.

select participant.user_id
from public.conversation_participants as participant
where participant.conversation_id = %(conversation_id)s
    and participant.user_id = %(helper_id)s;
