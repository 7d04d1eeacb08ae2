#!/usr/bin/env bash
# needs: perl
set -e
cat >work.pl <<'END'
use strict; use warnings;
my (%count, @list);
my $x = 42;
for my $i (1 .. 200000) {
    $x = ($x * 1103515245 + 12345) & 0x7fffffff;
    $count{"key" . $x % 9973}++;
    push @list, { id => $i, name => "n$x" } if $i % 10 == 0;
}
print scalar(keys %count), " ", join(",", map { "$_=$count{$_}" } (sort keys %count)[0 .. 9]), "\n";
my @sorted = sort { $a->{name} cmp $b->{name} } @list;
print join(" ", map { $_->{id} } @sorted[0 .. 19]), "\n";
my $text = join "\n", map { "line $_ " . "ab" x ($_ % 50) } 1 .. 20000;
my $n = () = $text =~ /(?:ab){7}$/mg;
(my $copy = $text) =~ s/line (\d+)/$1 * 2/ge;
print "$n ", length $copy, "\n";
my $tree = {};
for my $w (map { sprintf "%06d", $_ * 7919 % 100003 } 1 .. 5000) {
    my $at = $tree;
    $at = $at->{$_} //= {} for split //, $w;
}
sub nodes { my $t = shift; my $s = 1; $s += nodes($_) for values %$t; return $s }
print nodes($tree), "\n";
END
PERL_HASH_SEED=0 perl work.pl
