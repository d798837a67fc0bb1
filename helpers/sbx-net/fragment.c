/* SPDX-License-Identifier: Apache-2.0 */
/* fragment.c: datagrams that are larger than the link's MTU, put together again. */
#include "fragment.h"

#include "util/scope.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdbool.h>
#include <string.h>

enum {
	SLOTS = 8,
	LIFE_MS = 2000,
	BLOCK = 8, /* what offsets count */
	BODY_MAX = 65535,
	BLOCKS = BODY_MAX / BLOCK + 1,
	V4 = sizeof(struct iphdr),
	V6 = sizeof(struct ip6_hdr),
	V6_FRAGMENT = sizeof(struct ip6_frag),
};

/* One fragment: where it goes, and whose it is. */
struct fragment {
	bool is_ipv6, is_last;
	size_t head;	 /* of Ethernet and IP */
	size_t max;	 /* of the whole body */
	uint8_t key[36]; /* addresses and identification */
	size_t offset, len;
	const uint8_t *body;
};

struct slot {
	bool is_used, is_ipv6;
	uint8_t key[36];
	int64_t since;
	size_t got, total; /* total 0: the last one hasn't come */
	uint8_t has[BLOCKS / 8 + 1];
	uint8_t frame[ETH_HLEN + V6 + BODY_MAX + 1];
};

static struct slot slots[SLOTS];

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum fragment_fate read_ipv4(const uint8_t *p, size_t len, struct fragment *f)
{
	const uint8_t *ip = p + ETH_HLEN;
	size_t total = len >= ETH_HLEN + V4 ? get16(ip + 2) : 0;

	if (total < V4 || (get16(ip + 6) & 0x3fff) == 0)
		return FRAGMENT_NONE;
	if (ip[0] != 0x45 || ETH_HLEN + total > len || ip[9] != IPPROTO_UDP)
		return FRAGMENT_TAKEN;
	f->head = ETH_HLEN + V4;
	f->max = BODY_MAX - V4;
	f->is_last = !(get16(ip + 6) & IP_MF);
	f->offset = (size_t)(get16(ip + 6) & IP_OFFMASK) * BLOCK;
	f->body = ip + V4;
	f->len = total - V4;
	memcpy(f->key, ip + 12, 8);
	memcpy(f->key + 8, ip + 4, 2);
	return FRAGMENT_WHOLE;
}

static enum fragment_fate read_ipv6(const uint8_t *p, size_t len, struct fragment *f)
{
	const uint8_t *ip = p + ETH_HLEN, *head = ip + V6;
	size_t payload = len >= ETH_HLEN + V6 ? get16(ip + 4) : 0;

	if (len < ETH_HLEN + V6 || ip[0] >> 4 != 6 || ip[6] != IPPROTO_FRAGMENT)
		return FRAGMENT_NONE;
	if (payload < V6_FRAGMENT || ETH_HLEN + V6 + payload > len || head[0] != IPPROTO_UDP)
		return FRAGMENT_TAKEN;
	f->is_ipv6 = true;
	f->head = ETH_HLEN + V6;
	f->max = BODY_MAX - V6;
	f->is_last = !(head[3] & 1);
	f->offset = get16(head + 2) & 0xfff8;
	f->body = head + V6_FRAGMENT;
	f->len = payload - V6_FRAGMENT;
	memcpy(f->key, ip + 8, 32);
	memcpy(f->key + 32, head + 4, 4);
	return FRAGMENT_WHOLE;
}

/* ---- putting together ----------------------------------------------------------------------- */

static struct slot *slot_find(const struct fragment *f, int64_t now)
{
	struct slot *oldest = &slots[0];

	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &slots[i];

		if (s->is_used && now - s->since > LIFE_MS)
			s->is_used = false;
		if (s->is_used && s->is_ipv6 == f->is_ipv6 &&
		    memcmp(s->key, f->key, sizeof(s->key)) == 0)
			return s;
		if (!s->is_used || (oldest->is_used && s->since < oldest->since))
			oldest = s;
	}
	oldest->is_used = true;
	oldest->is_ipv6 = f->is_ipv6;
	oldest->since = now;
	oldest->got = oldest->total = 0;
	memcpy(oldest->key, f->key, sizeof(oldest->key));
	memset(oldest->has, 0, sizeof(oldest->has));
	return oldest;
}

/* False where it doesn't fit what there is. */
static bool slot_add(struct slot *s, const struct fragment *f)
{
	size_t end = f->offset + f->len;

	if (f->len == 0 || end > f->max || (!f->is_last && f->len % BLOCK) ||
	    (s->total && (f->is_last || end > s->total)) ||
	    (f->is_last && s->got + f->len > end))
		return false;
	for (size_t at = f->offset; at < end; at += BLOCK) {
		uint8_t bit = (uint8_t)(1 << (at / BLOCK % 8));

		if (s->has[at / BLOCK / 8] & bit)
			return false;
		s->has[at / BLOCK / 8] |= bit;
	}
	memcpy(s->frame + f->head + f->offset, f->body, f->len);
	s->got += f->len;
	if (f->is_last)
		s->total = end;
	return true;
}

/* The Internet checksum of an IPv4 header (RFC 1071). */
static void head_sum(uint8_t *ip)
{
	uint32_t sum = 0;

	put16(ip + 10, 0);
	for (size_t i = 0; i < V4; i += 2)
		sum += get16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, (uint16_t)~sum);
}

/* The header is the one of the fragment at hand, FRAME: all have the same but for what is written here. */
static size_t slot_end(struct slot *s, const struct fragment *f, const uint8_t *frame)
{
	uint8_t *ip = s->frame + ETH_HLEN;

	memcpy(s->frame, frame, f->head);
	if (f->is_ipv6) {
		put16(ip + 4, s->total);
		ip[6] = IPPROTO_UDP;
	} else {
		put16(ip + 2, V4 + s->total);
		put16(ip + 6, 0);
		head_sum(ip);
	}
	s->is_used = false;
	return f->head + s->total;
}

enum fragment_fate fragment_take(const uint8_t *frame, size_t len, int64_t now,
				 uint8_t **ret_frame, size_t *ret_len)
{
	struct fragment f = {0};
	enum fragment_fate fate = FRAGMENT_NONE;
	struct slot *s;

	if (len >= ETH_HLEN && get16(frame + 12) == ETH_P_IP)
		fate = read_ipv4(frame, len, &f);
	else if (len >= ETH_HLEN && get16(frame + 12) == ETH_P_IPV6)
		fate = read_ipv6(frame, len, &f);
	if (fate != FRAGMENT_WHOLE)
		return fate;
	s = slot_find(&f, now);
	if (!slot_add(s, &f)) {
		s->is_used = false;
		return FRAGMENT_TAKEN;
	}
	if (!s->total || s->got < s->total)
		return FRAGMENT_TAKEN;
	*ret_len = slot_end(s, &f, frame);
	*ret_frame = s->frame;
	return FRAGMENT_WHOLE;
}
