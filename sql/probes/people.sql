-- What: four people who may take part in messaging.
-- Why: where no people can be made for the length of a transaction, the attacks borrow some.
select profile.id
from public.profiles as profile
join auth.users as person
    on person.id = profile.id
where profile.verification_status::text = 'approved'
order by profile.id
limit 4;
