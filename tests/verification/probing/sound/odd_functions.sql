-- What: functions that are odd, and none of our business.

create function public.wait_a_minute()
returns void
language sql
security definer
as $function$
    select pg_catalog.pg_sleep(60);
$function$;

create function public.always_fails(
    p_user uuid
)
returns integer
language plpgsql
security definer
as $function$
begin
    raise exception using
        errcode = 'XX000',
        message = 'never';
end;
$function$;

create function public.first_of(
    variadic p_things anyarray
)
returns anyelement
language sql
security definer
as $function$
    select p_things[1];
$function$;

create function public.note_change()
returns trigger
language plpgsql
security definer
as $function$
begin
    return new;
end;
$function$;

create function public.on_command()
returns event_trigger
language plpgsql
security definer
as $function$
begin
    perform 1;
end;
$function$;

create function public.pairs(
    out p_left integer,
    out p_right point
)
returns setof record
language sql
security definer
as $function$
    select 1, point(1, 2);
$function$;

create domain public.small as integer check (value < 10);

create function public.odd_arguments(
    integer,
    public.small,
    int4range,
    point,
    "char",
    p_row public.profiles,
    p_rest bytea default '\x00'
)
returns integer
language sql
security definer
as $function$
    select $1;
$function$;

create procedure public.tidy(
    inout p_count integer
)
language plpgsql
security definer
as $function$
begin
    p_count := 0;
end;
$function$;
