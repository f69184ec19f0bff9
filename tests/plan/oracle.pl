# What stock sqitch makes of plans: one JSON request a line in, one JSON answer a line out.
#
# Request: {"plan": TEXT, "references": [TEXT, ...], "from": PATH}. The answer has either "error", or the
# plan as sqitch writes it, its changes, and the place of each reference (null: none).
use 5.010;
use strict;
use warnings;
use utf8;

use App::Sqitch;
use App::Sqitch::Plan;
use App::Sqitch::Target;
use Encode qw(encode_utf8);
use JSON::PP;
use Path::Class qw(file);

no warnings 'recursion';
$| = 1;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $sqitch = App::Sqitch->new( options => { verbosity => 0 } );
my $target = App::Sqitch::Target->new( sqitch => $sqitch, uri => URI::db->new('db:pg:') );

sub answer {
    my $request = shift;
    my $plan = App::Sqitch::Plan->new(
        sqitch => $sqitch,
        target => $target,
        file   => file('sqitch.plan'),
    );
    $plan->parse( encode_utf8 $request->{plan} );
    my @changes = map { {
        name        => $_->name,
        id          => $_->id,
        note        => $_->note,
        requires    => [ map { $_->as_string } $_->requires ],
        conflicts   => [ map { $_->as_string } $_->conflicts ],
        rework_tags => [ map { $_->name } $_->rework_tags ],
        tags        => [ map { [ $_->name, $_->id, $_->note ] } $_->tags ],
    } } $plan->changes;
    my @places = map { my $place = eval { $plan->index_of( my $copy = $_ ) }; $place }
        @{ $request->{references} || [] };
    return {
        text    => join( '', map { $_->as_string . "\n" } $plan->lines ),
        project => $plan->project,
        uri     => defined $plan->uri ? '' . $plan->uri : undef,
        changes => \@changes,
        places  => [ map { defined $_ ? 0 + $_ : undef } @places ],
    };
}

while ( my $line = <STDIN> ) {
    my $request = $json->decode($line);
    my $answer = eval {
        local $SIG{ALRM} = sub { die "sqitch does not come to an end\n" };
        local $SIG{__WARN__} = sub { };
        alarm 10;
        my $found = answer($request);
        alarm 0;
        $found;
    };
    my $error = $@;
    alarm 0;
    $answer ||= { error => "$error" };
    print $json->encode($answer), "\n";
}
