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

sub checksum {
    my ($data) = @_;
    my $sum = 0;
    $data .= "\0" if length($data) % 2;
    $sum += $_ for unpack 'n*', $data;
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

# Frames that no program's own socket would send, to whatever could stand for the host.
sub frames {
    my ($ETH_P_ALL, $PF_PACKET) = (0x0300, 17);
    socket(my $s, $PF_PACKET, SOCK_RAW, $ETH_P_ALL) or die "packet socket: $!";
    open(my $f, '<', '/sys/class/net/eth0/ifindex') or die;
    chomp(my $index = <$f>);
    open($f, '<', '/sys/class/net/eth0/address') or die;
    chomp(my $mac = <$f>);
    $mac = pack 'H12', $mac =~ s/://gr;
    my $router = pack 'C6', 0x52, 0x55, 10, 0, 2, 2;
    my $to = pack 'SnLSCCa8', $PF_PACKET, 3, $index, 0, 0, 6, $router;
    my $sent = 0;
    for my $d ('127.0.0.1', '0.0.0.0', '0.0.0.1', '192.0.2.1', '10.0.2.2', '169.254.169.254', '255.255.255.255') {
        for my $fragment (0, 0x2000, 1) {
            for my $flags (0x02, 0x22) {
                my $tcp = pack('nnNNCCnnn', 30000 + $sent, 7000, 1, 0, 0x50, $flags, 65535, 0, 7);
                my $ends = inet_aton('10.0.2.100') . inet_aton($d);
                substr($tcp, 16, 2) = pack 'n', checksum($ends . pack('nn', 6, length $tcp) . $tcp);
                my $ip = pack('CCnnnCCn', 0x45, 0, 20 + length $tcp, $sent, $fragment, 64, 6, 0) . $ends;
                substr($ip, 10, 2) = pack 'n', checksum($ip);
                send($s, $router . $mac . pack('n', 0x0800) . $ip . $tcp, 0, $to) or die "send: $!";
                $sent++;
            }
        }
    }
    for my $d ('::1', '::', '::ffff:127.0.0.1', '::127.0.0.1', '2001:db8::1', 'fd00::2') {
        my $ends = inet_pton(AF_INET6, 'fd00::100') . inet_pton(AF_INET6, $d);
        my $tcp = pack('nnNNCCnnn', 31000 + $sent, 7000, 1, 0, 0x50, 2, 65535, 0, 0);
        substr($tcp, 16, 2) = pack 'n', checksum($ends . pack('NN', length $tcp, 6) . $tcp);
        send($s, $router . $mac . pack('n', 0x86dd) . pack('NnCC', 6 << 28, length $tcp, 6, 64) . $ends . $tcp, 0, $to)
            or die "send: $!";
        $sent++;
    }
    # An answer would be a SYN with an ACK.
    my $until = time + 2;
    while (time < $until) {
        my $ready = '';
        vec($ready, fileno $s, 1) = 1;
        select($ready, undef, undef, 0.2) or next;
        recv($s, my $frame, 2000, 0);
        my $type = unpack 'n', substr($frame, 12, 2);
        my $at = $type == 0x0800 ? 34 : $type == 0x86dd ? 54 : next;
        next if length $frame < $at + 14;
        next if substr($frame, $type == 0x0800 ? 23 : 20, 1) ne "\6";
        if ((ord(substr $frame, $at + 13, 1) & 0x12) == 0x12) { print "an answer"; exit 1 }
    }
    print "no answer to $sent frames";
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
} elsif ($what eq 'frames') {
    frames();
} elsif ($what eq 'unplug') {
    unplug();
} else {
    die "what is '$what'?";
}
