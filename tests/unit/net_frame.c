/* SPDX-License-Identifier: Apache-2.0 */
/* net_frame.c: what sbx-net lets through to libslirp, and how it mends and makes frames. */
#include "frame.h"
#include "tap.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { ETH = 14, V4 = 20, V6 = 40 };

struct packet {
	uint8_t data[2048];
	size_t len;
};

static void put(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned get(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

/* RFC 1071 the slow way. */
static unsigned sum(const uint8_t *p, size_t n, unsigned before)
{
	unsigned total = before;

	for (size_t i = 0; i < n; i++)
		total += i & 1 ? p[i] : (unsigned)p[i] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

static size_t l4_of(const struct packet *p)
{
	return ETH + (get(p->data + 12) == 0x0800 ? V4 : V6);
}

/* Over the pseudo header and all of layer 4; right where it is 0xffff. */
static unsigned l4_sum(const struct packet *p)
{
	bool four = l4_of(p) == ETH + V4;
	size_t at = ETH + (four ? 12 : 8), l4 = l4_of(p);
	unsigned before = sum(p->data + at, l4 - at, p->data[ETH + (four ? 9 : 6)]);

	return sum(p->data + l4, p->len - l4, before + (unsigned)(p->len - l4));
}

/* A frame from FROM to TO with PAYLOAD bytes (their head included) of PROTOCOL. */
static struct packet packet(const char *from, const char *to, uint8_t protocol, size_t payload)
{
	struct packet p = {0};
	bool four = strchr(from, '.');
	uint8_t *l3 = p.data + ETH;

	put(p.data + 12, four ? 0x0800 : 0x86dd);
	p.len = ETH + (four ? V4 : V6) + payload;
	if (four) {
		l3[0] = 0x45;
		put(l3 + 2, (unsigned)(V4 + payload));
		l3[9] = protocol;
	} else {
		l3[0] = 0x60;
		put(l3 + 4, (unsigned)payload);
		l3[6] = protocol;
	}
	(void)inet_pton(four ? AF_INET : AF_INET6, from, l3 + (four ? 12 : 8));
	(void)inet_pton(four ? AF_INET : AF_INET6, to, l3 + (four ? 16 : 24));
	if (protocol == IPPROTO_TCP)
		p.data[l4_of(&p) + 12] = 0x50;
	if (protocol == IPPROTO_UDP)
		put(p.data + l4_of(&p) + 4, (unsigned)payload);
	return p;
}

static struct packet datagram(const char *from, const char *to, unsigned port, size_t payload)
{
	struct packet p = packet(from, to, IPPROTO_UDP, 8 + payload);

	put(p.data + l4_of(&p) + 2, port);
	return p;
}

static void fate(const char *what, struct packet p, enum frame_fate want)
{
	/* Of its very size, so that a sanitizer sees each byte too many. */
	uint8_t *exact = malloc(p.len ? p.len : 1);
	struct frame_datagram d;

	memcpy(exact, p.data, p.len);
	tap_check(frame_admit(exact, p.len, &d) == want, __FILE__, __LINE__, "%s", what);
	free(exact);
}

static struct packet with(struct packet p, size_t at, uint8_t value)
{
	p.data[at] = value;
	return p;
}

static struct packet cut(struct packet p, size_t len)
{
	p.len = len;
	return p;
}

static const char own[] = "10.0.2.100", own6[] = "fd00::100", far[] = "203.0.113.9",
		  far6[] = "2001:db8::9";

static void test_protocols(void)
{
	struct packet tcp = packet(own, far, IPPROTO_TCP, 20);

	fate("TCP passes", tcp, FRAME_PASS);
	fate("TCP over IPv6 passes", packet(own6, far6, IPPROTO_TCP, 20), FRAME_PASS);
	fate("UDP passes", datagram(own, far, 9, 4), FRAME_PASS);
	fate("no other protocol", with(tcp, ETH + 9, 132), FRAME_DROP);
	fate("nobody asks for neighbours", with(with(tcp, 12, 8), 13, 6), FRAME_DROP);
	fate("nor over IPv6", packet("fe80::1", "ff02::1", IPPROTO_ICMPV6, 24), FRAME_DROP);
	fate("no TFTP", datagram(own, "10.0.2.2", 69, 4), FRAME_DROP);
	fate("no DHCP", datagram(own, "10.0.2.2", 67, 4), FRAME_DROP);
	fate("no NC-SI", with(with(tcp, 12, 0x88), 13, 0xf8), FRAME_DROP);
	fate("a question goes to the name service", datagram(own, "10.0.2.3", 53, 12),
	     FRAME_DNS);
	fate("one over IPv6 too", datagram(own6, "fd00::3", 53, 12), FRAME_DNS);
	fate("another server's doesn't", datagram(own, far, 53, 12), FRAME_PASS);
}

static void test_echoes(void)
{
	struct packet echo = packet(own, far, IPPROTO_ICMP, 8);
	struct packet echo6 = packet(own6, far6, IPPROTO_ICMPV6, 8);

	fate("an echo passes, and is told apart", with(echo, ETH + V4, 8), FRAME_ECHO);
	fate("one over IPv6 passes", with(echo6, ETH + V6, 128), FRAME_PASS);
	for (unsigned type = 0; type < 256; type++) {
		if (type != 8)
			fate("no other ICMP", with(echo, ETH + V4, (uint8_t)type), FRAME_DROP);
		if (type != 128)
			fate("no other ICMPv6", with(echo6, ETH + V6, (uint8_t)type),
			     FRAME_DROP);
	}
	fate("no echo of another code", with(with(echo, ETH + V4, 8), ETH + V4 + 1, 1),
	     FRAME_DROP);
	fate("no ICMPv6 in IPv4", packet(own, far, IPPROTO_ICMPV6, 8), FRAME_DROP);
}

static void test_addresses(void)
{
	static const char *const refused[] = {"127.0.0.1",   "0.0.0.0",	  "0.1.2.3",
					      "127.255.0.1", "224.0.0.1", "255.255.255.255"};
	static const char *const refused6[] = {"::",	      "::1",	 "::ffff:127.0.0.1",
					       "::127.0.0.1", "ff02::1", "ff05::2"};

	for (size_t i = 0; i < 6; i++) {
		fate(refused[i], packet(own, refused[i], IPPROTO_TCP, 20), FRAME_DROP);
		fate(refused6[i], packet(own6, refused6[i], IPPROTO_TCP, 20), FRAME_DROP);
	}
	fate("no foreign source", packet("192.0.2.1", far, IPPROTO_TCP, 20), FRAME_DROP);
	fate("none of the network's own", packet("10.0.2.101", far, IPPROTO_TCP, 20),
	     FRAME_DROP);
	fate("none of IPv6's", packet("fd00::101", far6, IPPROTO_TCP, 20), FRAME_DROP);
	fate("no link-local one", packet("fe80::1", far6, IPPROTO_TCP, 20), FRAME_DROP);
	fate("no foreign source of IPv6", packet("2001:db8::1", far6, IPPROTO_TCP, 20),
	     FRAME_DROP);
}

static void test_heads(void)
{
	struct packet tcp = packet(own, far, IPPROTO_TCP, 20);
	struct packet tcp6 = packet(own6, far6, IPPROTO_TCP, 20);

	fate("no options", with(tcp, ETH, 0x46), FRAME_DROP);
	fate("no first fragment", with(tcp, ETH + 6, 0x20), FRAME_DROP);
	fate("no later fragment", with(tcp, ETH + 7, 1), FRAME_DROP);
	fate("the bit that forbids fragments passes", with(tcp, ETH + 6, 0x40), FRAME_PASS);
	fate("no extension headers", with(tcp6, ETH + 6, 0), FRAME_DROP);
	fate("no fragments of IPv6", with(tcp6, ETH + 6, 44), FRAME_DROP);
	fate("no length beyond the frame", with(tcp, ETH + 3, 41), FRAME_DROP);
	fate("none of IPv6", with(tcp6, ETH + 5, 21), FRAME_DROP);
	fate("no length below the header", with(tcp, ETH + 3, 19), FRAME_DROP);
	fate("no TCP header beyond the frame", with(tcp, ETH + V4 + 12, 0x60), FRAME_DROP);
	fate("none that is too short", with(tcp, ETH + V4 + 12, 0x40), FRAME_DROP);
	fate("no UDP length that lies", with(datagram(own, far, 9, 4), ETH + V4 + 5, 11),
	     FRAME_DROP);
	for (size_t len = 0; len < tcp.len; len++)
		fate("no cut frame", cut(tcp, len), FRAME_DROP);
	for (size_t len = 0; len < tcp6.len; len++)
		fate("no cut frame of IPv6", cut(tcp6, len), FRAME_DROP);
}

static void test_urgent(void)
{
	struct packet p = packet("10.0.2.100", "203.0.113.9", IPPROTO_TCP, 30);
	uint8_t *tcp = p.data + ETH + V4;
	struct frame_datagram d;

	tcp[13] = 0x38;
	put(tcp + 18, 0x1234);
	put(tcp + 16, ~l4_sum(&p));
	check_int(l4_sum(&p), 0xffff);
	check(frame_admit(p.data, p.len, &d) == FRAME_PASS);
	check_int(tcp[13], 0x18);
	check_int(get(tcp + 18), 0);
	check_int(l4_sum(&p), 0xffff);
}

static void test_offload_in(void)
{
	struct packet p = packet("10.0.2.100", "203.0.113.9", IPPROTO_TCP, 24 + 4);
	uint8_t *tcp = p.data + ETH + V4;
	struct virtio_net_hdr head = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				      .csum_start = ETH + V4,
				      .csum_offset = 16};
	static const uint8_t options[] = {1, 1, 1, 2, 4, 0x05, 0xb4, 0};

	tcp[12] = 0x70;
	tcp[13] = 0x02;
	memcpy(tcp + 20, options, sizeof(options));
	put(tcp + 16, sum(p.data + ETH + 12, 8, 6 + 28));
	check(frame_complete(&head, p.data, p.len));
	check_int(get(tcp + 25), FRAME_SLIRP_MSS);
	check_int(l4_sum(&p), 0xffff);

	tcp[24] = 200; /* an option longer than the header */
	check(frame_complete(&head, p.data, p.len));
	tcp[24] = 0;
	check(frame_complete(&head, p.data, p.len));
	head.csum_start = (uint16_t)p.len;
	check(!frame_complete(&head, p.data, p.len));
	head.csum_start = 0xffff;
	check(!frame_complete(&head, p.data, p.len));
	head.csum_start = 0;
	check(!frame_complete(&head, p.data, p.len));
}

static void test_offload_out(void)
{
	static uint8_t frame[ETH + V4 + 20 + 16000];
	struct packet small = packet("203.0.113.9", "10.0.2.100", IPPROTO_TCP, 1400);
	struct virtio_net_hdr head;

	frame_outgoing(small.data, small.len, &head);
	check_int(head.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	memcpy(frame, small.data, ETH + V4 + 20);
	put(frame + ETH + 2, sizeof(frame) - ETH);
	frame_outgoing(frame, sizeof(frame), &head);
	check_int(head.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	check_int(head.gso_size, 1460);
	check_int(head.hdr_len, ETH + V4 + 20);
	check_int(get(frame + ETH + V4 + 16),
		  sum(frame + ETH + 12, 8, 6 + sizeof(frame) - ETH - V4));
}

static void test_answer(const char *from, const char *to)
{
	struct packet question = datagram(from, to, 53, 12), answer = {0};
	struct frame_datagram d;
	static uint8_t frame[FRAME_ANSWER_ROOM], long_one[FRAME_ANSWER_MAX];

	put(question.data + l4_of(&question), 40000);
	check(frame_admit(question.data, question.len, &d) == FRAME_DNS);
	check_int(d.port, 40000);
	answer.len = frame_answer(&d, (const uint8_t *)"answers!!", 9, frame);
	memcpy(answer.data, frame, answer.len);
	check_int(answer.len, l4_of(&question) + 8 + 9);
	check_int(l4_sum(&answer), 0xffff);
	check_int(get(answer.data + l4_of(&answer)), 53);
	check_int(get(answer.data + l4_of(&answer) + 2), 40000);
	check(memcmp(answer.data + l4_of(&answer) + 8, "answers!!", 9) == 0);
	if (strchr(from, '.'))
		check_int(sum(answer.data + ETH, V4, 0), 0xffff);
	check(frame_answer(&d, long_one, sizeof(long_one), frame) <= sizeof(frame));
}

/* What comes to a published port is a datagram as the sandbox's would be, turned round. */
static void test_inbound(const char *from)
{
	bool four = strchr(from, '.');
	struct in6_addr peer = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
	static uint8_t frame[FRAME_MAX], most[65507];
	struct packet p = {0};

	(void)inet_pton(four ? AF_INET : AF_INET6, from, peer.s6_addr + (four ? 12 : 0));
	p.len = frame_inbound(&peer, 4000, 9000, (const uint8_t *)"hello", 5, frame);
	memcpy(p.data, frame, p.len);
	check_int(p.len, l4_of(&p) + 8 + 5);
	check_int(l4_sum(&p), 0xffff);
	check_int(get(p.data + l4_of(&p)), 4000);
	check_int(get(p.data + l4_of(&p) + 2), 9000);
	check(frame_inbound(&peer, 4000, 9000, most, sizeof(most), frame) <= sizeof(frame));
}

int main(void)
{
	test_protocols();
	test_echoes();
	test_addresses();
	test_heads();
	test_inbound("192.0.2.9");
	test_inbound("2001:db8::9");
	test_urgent();
	test_offload_in();
	test_offload_out();
	test_answer("10.0.2.100", "10.0.2.3");
	test_answer("fd00::100", "fd00::3");
	return tap_done();
}
