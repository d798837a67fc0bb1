/* SPDX-License-Identifier: Apache-2.0 */
/* frame.c: what may pass between the tap and libslirp, and the headers that make it fast. */
#include "frame.h"

#include "net/net.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

enum { DNS_PORT = 53, TFTP_PORT = 69, DHCP_PORT = 67, DHCP6_PORT = 547 };

#define MAC_ROUTER  0x52, 0x55, 10, 0, 2, 2 /* libslirp's */
#define MAC_SANDBOX 0x52, 0x55, 10, 0, 2, 100

static const uint8_t router_mac[6] = {MAC_ROUTER};

/* ---- numbers ----------------------------------------------------------------------------- */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The Internet checksum (RFC 1071) in the order of the machine; SUM is what came before. */
static uint64_t sum_add(uint64_t sum, const uint8_t *p, size_t n)
{
	for (; n >= 4; p += 4, n -= 4) {
		uint32_t v;

		memcpy(&v, p, sizeof(v));
		sum += v;
	}
	if (n > 0) {
		uint32_t v = 0;

		memcpy(&v, p, n);
		sum += v;
	}
	return sum;
}

static uint16_t sum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* ---- one look at a frame ----------------------------------------------------------------- */

/* Where its parts are. Everything from L3 to END is there and is what the lengths say. */
struct layout {
	size_t l3, l4, end;
	uint8_t protocol; /* of layer 4 */
	bool is_ipv6;
};

static bool layout_ipv4(const uint8_t *p, size_t len, struct layout *l)
{
	size_t total;

	if (len < l->l3 + sizeof(struct iphdr) || p[l->l3] != 0x45) /* no options */
		return false;
	total = get16(p + l->l3 + 2);
	l->protocol = p[l->l3 + 9];
	l->l4 = l->l3 + sizeof(struct iphdr);
	l->end = l->l3 + total;
	/* Neither a first nor a later fragment. */
	return total >= sizeof(struct iphdr) && l->end <= len &&
	       (get16(p + l->l3 + 6) & 0x3fff) == 0;
}

static bool layout_ipv6(const uint8_t *p, size_t len, struct layout *l)
{
	if (len < l->l3 + sizeof(struct ip6_hdr) || p[l->l3] >> 4 != 6)
		return false;
	l->protocol = p[l->l3 + 6];
	l->l4 = l->l3 + sizeof(struct ip6_hdr);
	l->end = l->l4 + get16(p + l->l3 + 4);
	l->is_ipv6 = true;
	return l->end <= len;
}

static bool layout_find(const uint8_t *p, size_t len, struct layout *ret_layout)
{
	struct layout l = {.l3 = ETH_HLEN};

	*ret_layout = l;
	if (len < ETH_HLEN)
		return false;
	switch (get16(p + 12)) {
	case ETH_P_IP:
		return layout_ipv4(p, len, ret_layout);
	case ETH_P_IPV6:
		return layout_ipv6(p, len, ret_layout);
	default:
		return false;
	}
}

/* ---- addresses --------------------------------------------------------------------------- */

static bool is_own(bool is_ipv6, const uint8_t *a)
{
	uint8_t own[16];

	(void)inet_pton(is_ipv6 ? AF_INET6 : AF_INET, is_ipv6 ? NET_ADDRESS6 : NET_ADDRESS,
			own);
	return memcmp(a, own, is_ipv6 ? 16 : 4) == 0;
}

/* What stands for this host or for nobody in particular, and what libslirp could take for it. */
static bool is_special_ipv4(const uint8_t *a)
{
	return a[0] == 0 || a[0] == 127 || a[0] >= 224;
}

static bool is_special_ipv6(const uint8_t *a)
{
	static const uint8_t zero[16];

	/* ::, ::1, v4-compatible; v4-mapped; multicast. */
	return a[0] == 0xff || memcmp(a, zero, 12) == 0 ||
	       (memcmp(a, zero, 10) == 0 && a[10] == 0xff && a[11] == 0xff);
}

static bool addresses_pass(const uint8_t *p, const struct layout *l)
{
	const uint8_t *from = p + l->l3 + (l->is_ipv6 ? 8 : 12);
	const uint8_t *to = from + (l->is_ipv6 ? 16 : 4);

	return is_own(l->is_ipv6, from) &&
	       !(l->is_ipv6 ? is_special_ipv6(to) : is_special_ipv4(to));
}

/* ---- what passes ------------------------------------------------------------------------- */

/* libslirp hands out memory of its own for urgent data (CVE-2026-9539). Without the flag it is
 * data like any other. The checksum is mended by the difference (RFC 1624). */
static void urgent_clear(uint8_t *tcp)
{
	uint32_t sum = (uint16_t)~get16(tcp + 16);

	if (!(tcp[13] & TH_URG))
		return;
	sum += (uint16_t)~get16(tcp + 12) + (uint32_t)(uint16_t)~get16(tcp + 18);
	tcp[13] &= (uint8_t)~TH_URG;
	put16(tcp + 18, 0);
	sum += get16(tcp + 12);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(tcp + 16, (uint16_t)~sum);
}

static enum frame_fate tcp_admit(uint8_t *p, const struct layout *l)
{
	size_t head =
		l->end - l->l4 >= sizeof(struct tcphdr) ? (size_t)(p[l->l4 + 12] >> 4) * 4 : 0;

	if (head < sizeof(struct tcphdr) || l->l4 + head > l->end)
		return FRAME_DROP;
	urgent_clear(p + l->l4);
	return FRAME_PASS;
}

static void datagram_make(const uint8_t *p, const struct layout *l, struct frame_datagram *d)
{
	size_t size = l->is_ipv6 ? 16 : 4;
	const uint8_t *from = p + l->l3 + (l->is_ipv6 ? 8 : 12);

	*d = (struct frame_datagram){
		.payload = p + l->l4 + sizeof(struct udphdr),
		.len = l->end - l->l4 - sizeof(struct udphdr),
		.is_ipv6 = l->is_ipv6,
		.port = get16(p + l->l4),
		.target_port = get16(p + l->l4 + 2),
	};
	memcpy(d->mac, p + 6, sizeof(d->mac));
	memcpy(d->source, from, size);
	memcpy(d->target, from + size, size);
}

static bool is_resolver(const struct frame_datagram *d)
{
	uint8_t address[16];

	(void)inet_pton(d->is_ipv6 ? AF_INET6 : AF_INET,
			d->is_ipv6 ? NET_RESOLVER6 : NET_RESOLVER, address);
	return memcmp(d->target, address, d->is_ipv6 ? 16 : 4) == 0;
}

static enum frame_fate udp_admit(const uint8_t *p, const struct layout *l,
				 struct frame_datagram *d)
{
	uint16_t to;

	if (l->end - l->l4 < sizeof(struct udphdr) || get16(p + l->l4 + 4) != l->end - l->l4)
		return FRAME_DROP;
	to = get16(p + l->l4 + 2);
	if (to == TFTP_PORT || to == DHCP_PORT || to == DHCP6_PORT)
		return FRAME_DROP; /* libslirp's own services */
	datagram_make(p, l, d);
	return to == DNS_PORT && is_resolver(d) ? FRAME_DNS : FRAME_PASS;
}

static bool is_echo(const uint8_t *p, const struct layout *l, uint8_t type)
{
	return l->end - l->l4 >= 8 && p[l->l4] == type && p[l->l4 + 1] == 0;
}

static enum frame_fate echo_admit(const uint8_t *p, const struct layout *l,
				  struct frame_datagram *d)
{
	memcpy(d->target, p + l->l3 + offsetof(struct iphdr, daddr), 4);
	return FRAME_ECHO;
}

enum frame_fate frame_admit(uint8_t *frame, size_t len, struct frame_datagram *ret_datagram)
{
	struct layout l;

	ret_datagram->payload = NULL;
	if (!layout_find(frame, len, &l) || !addresses_pass(frame, &l))
		return FRAME_DROP;
	switch (l.protocol) {
	case IPPROTO_TCP:
		return tcp_admit(frame, &l);
	case IPPROTO_UDP:
		return udp_admit(frame, &l, ret_datagram);
	case IPPROTO_ICMP:
		return !l.is_ipv6 && is_echo(frame, &l, ICMP_ECHO)
			       ? echo_admit(frame, &l, ret_datagram)
			       : FRAME_DROP;
	case IPPROTO_ICMPV6:
		return l.is_ipv6 && is_echo(frame, &l, ICMP6_ECHO_REQUEST) ? FRAME_PASS
									   : FRAME_DROP;
	default:
		return FRAME_DROP;
	}
}

/* ---- offload ----------------------------------------------------------------------------- */

/* The MSS that a SYN offers becomes what libslirp's own MTU allows. */
static void mss_raise(uint8_t *tcp, size_t head)
{
	enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_MSS = 2, MSS_LEN = 4 };

	for (size_t at = sizeof(struct tcphdr); at < head && tcp[at] != OPTION_END;) {
		size_t step = tcp[at] == OPTION_NOP ? 1 : at + 1 < head ? tcp[at + 1] : 0;

		if (step == 0 || at + step > head)
			return;
		if (tcp[at] == OPTION_MSS && step == MSS_LEN)
			put16(tcp + at + 2, FRAME_SLIRP_MSS);
		at += step;
	}
}

/* Only where the checksum is still to be made: else it would have to be mended. */
static void syn_mend(uint8_t *p, size_t len)
{
	struct layout l;
	size_t head;

	if (!layout_find(p, len, &l) || l.protocol != IPPROTO_TCP ||
	    l.end - l.l4 < sizeof(struct tcphdr) || !(p[l.l4 + 13] & TH_SYN))
		return;
	head = (size_t)(p[l.l4 + 12] >> 4) * 4;
	if (l.l4 + head <= l.end)
		mss_raise(p + l.l4, head);
}

bool frame_complete(const struct virtio_net_hdr *head, uint8_t *frame, size_t len)
{
	size_t start = head->csum_start, field = start + head->csum_offset;
	uint16_t sum;

	if (!(head->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	if (start < ETH_HLEN || field + sizeof(sum) > len)
		return false;
	syn_mend(frame, len);
	/* The field holds the sum of the pseudo header. */
	sum = (uint16_t)~sum_fold(sum_add(0, frame + start, len - start));
	if (sum == 0 && head->csum_offset == offsetof(struct udphdr, uh_sum))
		sum = 0xffff;
	memcpy(frame + field, &sum, sizeof(sum));
	return true;
}

static uint16_t pseudo_sum(const uint8_t *p, const struct layout *l)
{
	size_t at = l->l3 + (l->is_ipv6 ? 8 : 12);
	uint8_t rest[4] = {0, l->protocol, (uint8_t)((l->end - l->l4) >> 8),
			   (uint8_t)(l->end - l->l4)};

	return sum_fold(sum_add(sum_add(0, p + at, l->l4 - at), rest, sizeof(rest)));
}

void frame_outgoing(uint8_t *frame, size_t len, struct virtio_net_hdr *ret_head)
{
	struct layout l;
	size_t head, mss;
	uint16_t sum;

	*ret_head = (struct virtio_net_hdr){0};
	if (len <= NET_MTU + ETH_HLEN || !layout_find(frame, len, &l) ||
	    l.protocol != IPPROTO_TCP || l.end - l.l4 < sizeof(struct tcphdr))
		return;
	head = (size_t)(frame[l.l4 + 12] >> 4) * 4;
	mss = NET_MTU - (l.l4 - l.l3) - head;
	if (l.end - l.l4 - head <= mss)
		return;
	*ret_head = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = l.is_ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)(l.l4 + head),
		.gso_size = (uint16_t)mss,
		.csum_start = (uint16_t)l.l4,
		.csum_offset = 16,
	};
	sum = pseudo_sum(frame, &l);
	memcpy(frame + l.l4 + 16, &sum, sizeof(sum));
}

/* ---- datagrams to the sandbox --------------------------------------------------------- */

static void head_ipv4(const struct frame_datagram *d, uint8_t *p, size_t payload)
{
	uint16_t sum;

	p[0] = 0x45;
	put16(p + 2, (unsigned)(sizeof(struct iphdr) + payload));
	p[8] = 64; /* hops */
	p[9] = IPPROTO_UDP;
	memcpy(p + 12, d->target, 4);
	memcpy(p + 16, d->source, 4);
	sum = (uint16_t)~sum_fold(sum_add(0, p, sizeof(struct iphdr)));
	memcpy(p + 10, &sum, sizeof(sum));
}

static void head_ipv6(const struct frame_datagram *d, uint8_t *p, size_t payload)
{
	p[0] = 0x60;
	put16(p + 4, (unsigned)payload);
	p[6] = IPPROTO_UDP;
	p[7] = 64; /* hops */
	memcpy(p + 8, d->target, 16);
	memcpy(p + 24, d->source, 16);
}

static size_t datagram_answer(const struct frame_datagram *d, const uint8_t *payload,
			      size_t len, uint8_t *frame)
{
	size_t l3 = ETH_HLEN;
	size_t l4 = l3 + (d->is_ipv6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr));
	size_t udp = sizeof(struct udphdr) + len;
	struct layout l = {.l3 = l3,
			   .l4 = l4,
			   .end = l4 + udp,
			   .protocol = IPPROTO_UDP,
			   .is_ipv6 = d->is_ipv6};
	uint16_t sum;

	memset(frame, 0, l4 + sizeof(struct udphdr));
	memcpy(frame, d->mac, sizeof(d->mac));
	memcpy(frame + 6, router_mac, sizeof(router_mac));
	put16(frame + 12, d->is_ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	if (d->is_ipv6)
		head_ipv6(d, frame + l3, udp);
	else
		head_ipv4(d, frame + l3, udp);
	put16(frame + l4, d->target_port);
	put16(frame + l4 + 2, d->port);
	put16(frame + l4 + 4, (unsigned)udp);
	memcpy(frame + l4 + sizeof(struct udphdr), payload, len);
	sum = (uint16_t)~sum_fold(sum_add(pseudo_sum(frame, &l), frame + l4, udp));
	if (sum == 0)
		sum = 0xffff;
	memcpy(frame + l4 + 6, &sum, sizeof(sum));
	return l.end;
}

size_t frame_answer(const struct frame_datagram *d, const uint8_t *payload, size_t len,
		    uint8_t frame[FRAME_ANSWER_ROOM])
{
	return datagram_answer(d, payload, len, frame);
}

/* The answer to what the sandbox would have sent. */
size_t frame_inbound(const struct in6_addr *from, uint16_t from_port, uint16_t port,
		     const uint8_t *payload, size_t len, uint8_t frame[FRAME_MAX])
{
	static const uint8_t sandbox_mac[6] = {MAC_SANDBOX};
	bool is_ipv6 = !IN6_IS_ADDR_V4MAPPED(from);
	struct frame_datagram d = {.is_ipv6 = is_ipv6, .port = port, .target_port = from_port};

	memcpy(d.mac, sandbox_mac, sizeof(d.mac));
	memcpy(d.target, from->s6_addr + (is_ipv6 ? 0 : 12), is_ipv6 ? 16 : 4);
	(void)inet_pton(is_ipv6 ? AF_INET6 : AF_INET, is_ipv6 ? NET_ADDRESS6 : NET_ADDRESS,
			d.source);
	return datagram_answer(&d, payload, len, frame);
}

/* ---- introductions ------------------------------------------------------------------------ */

#define SANDBOX	 10, 0, 2, 100
#define ROUTER	 10, 0, 2, 2
#define SANDBOX6 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0
#define ROUTER6	 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2

bool frame_is_ipv4(const uint8_t *frame)
{
	return get16(frame + 2 * ETH_ALEN) == ETH_P_IP;
}

uint8_t frame_protocol(const uint8_t *frame)
{
	return frame[ETH_HLEN + (frame_is_ipv4(frame) ? offsetof(struct ip, ip_p)
						      : offsetof(struct ip6_hdr, ip6_nxt))];
}

uint16_t frame_source_port(const uint8_t *frame)
{
	const uint8_t *l4 = frame + ETH_HLEN +
			    (frame_is_ipv4(frame) ? sizeof(struct ip) : sizeof(struct ip6_hdr));
	uint8_t protocol = frame_protocol(frame);

	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
		return get16(l4);
	return get16(l4 + offsetof(struct icmphdr, un.echo.id));
}

const uint8_t *frame_introduction(size_t i, size_t *ret_len)
{
	/* clang-format off */
	static const uint8_t arp[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, MAC_SANDBOX, 0x08, 0x06, /* Ethernet */
		0, 1, 8, 0, 6, 4, 0, 1, MAC_SANDBOX, SANDBOX, 0, 0, 0, 0, 0, 0, ROUTER,
	};
	static const uint8_t solicitation[] = {
		MAC_ROUTER, MAC_SANDBOX, 0x86, 0xdd, /* Ethernet */
		0x60, 0, 0, 0, 0, 32, 58, 255, SANDBOX6, ROUTER6,
		135, 0, 0x20, 0xe4, 0, 0, 0, 0, ROUTER6, 1, 1, MAC_SANDBOX,
	};
	/* clang-format on */

	*ret_len = i == 0 ? sizeof(arp) : sizeof(solicitation);
	return i == 0 ? arp : solicitation;
}
