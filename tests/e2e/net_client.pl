#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# net_client.pl WHAT [HOST PORT [N]]: what net.sh has a sandbox do; prints how it went.
use strict;
use warnings;
use Socket qw(:all);

$| = 1;
my ($what, $host, $port, $n) = @ARGV;
$SIG{ALRM} = sub { print "silence"; exit 1 };
alarm 20;

sub address {
    my ($type, $name, $number) = @_;
    my ($e, $first) = getaddrinfo($name, $number, {socktype => $type});
    if ($e) { print "$e"; exit 1 }
    return $first;
}

sub opened {
    my ($type) = @_;
    my $a = address($type, $host, $port);
    socket(my $s, $a->{family}, $type, 0) or die "socket: $!";
    alarm 5;
    if (!connect($s, $a->{addr})) { print "$!"; exit 1 }
    alarm 20;
    return $s;
}

sub all {
    my ($s) = @_;
    my $data = '';
    while (sysread($s, my $more, 65536)) { $data .= $more }
    return $data;
}

# Removes the interface (rtnetlink(7)).
sub unplug {
    my ($PF_NETLINK, $RTM_DELLINK, $NLM_F_REQUEST) = (16, 17, 1);
    open(my $f, '<', '/sys/class/net/eth0/ifindex') or die;
    chomp(my $index = <$f>);
    socket(my $s, $PF_NETLINK, SOCK_RAW, 0) or die "netlink: $!";
    send($s, pack('LSSLL', 32, $RTM_DELLINK, $NLM_F_REQUEST, 1, 0) . pack('CxSlLL', 0, 0, $index, 0, 0), 0) or die "send: $!";
    print -e '/sys/class/net/eth0' ? 'still there' : 'unplugged';
}

if ($what eq 'tcp') {
    print all(opened(SOCK_STREAM));
} elsif ($what eq 'udp') {
    my $s = opened(SOCK_DGRAM);
    alarm 3;
    send($s, 'x', 0) or do { print "$!"; exit 1 };
    defined recv($s, my $data, 2000, 0) or do { print "$!"; exit 1 };
    print $data;
} elsif ($what eq 'echo') {
    my $s = opened(SOCK_STREAM);
    my $data = join '', map { chr(($_ * 7 + ($_ >> 9)) & 255) } 1 .. $n;
    if (!fork) { my $at = 0; while ($at < $n) { $at += syswrite($s, $data, 65536, $at) // die } shutdown($s, 1); exit 0 }
    my $back = all($s);
    print length($back), $back eq $data ? ' same' : ' different';
} elsif ($what eq 'half') {
    my $s = opened(SOCK_STREAM);
    syswrite $s, 'abcde';
    shutdown $s, 1;
    print all($s);
} elsif ($what eq 'pace') {
    # Two small writes, a moment apart, each to arrive by itself.
    my $s = opened(SOCK_STREAM);
    setsockopt($s, IPPROTO_TCP, TCP_NODELAY, 1);
    for (1 .. 20) {
        syswrite($s, 'a');
        select(undef, undef, undef, 0.003);
        syswrite($s, 'b');
        sysread($s, my $answer, 1);
    }
    print all($s);
} elsif ($what eq 'many') {
    my @open = map { opened(SOCK_STREAM) } 1 .. $n;
    print scalar grep { all($_) =~ /^hello/ } @open;
} elsif ($what eq 'loop') {
    socket(my $l, PF_INET, SOCK_STREAM, 0);
    listen($l, 1);
    socket(my $c, PF_INET, SOCK_STREAM, 0);
    my ($p) = sockaddr_in(getsockname $l);
    print connect($c, sockaddr_in($p, INADDR_LOOPBACK)) ? 'looped' : "$!";
} elsif ($what =~ '^dns-') {
    my ($type, $flags) = ($what =~ /udp/ ? SOCK_DGRAM : SOCK_STREAM, $what =~ /update/ ? 0x2800 : 0x100);
    ($host, $port) = ('10.0.2.3', 53);
    my $s = opened($type);
    my $name = join '', map { pack('C', length) . $_ } split /\./, $ARGV[1];
    my $q = pack('nnnnnn', 7, $flags, 1, 0, 0, 0) . $name . "\0" . pack('nn', 1, 1);
    syswrite $s, ($type == SOCK_STREAM ? pack('n', length $q) : '') . $q;
    alarm 3;
    my $len = sysread $s, my $answer, 2000;
    print $len ? inet_ntoa(substr $answer, -4) : 'no answer';
} elsif ($what eq 'unplug') {
    unplug();
} else {
    die "what is '$what'?";
}
