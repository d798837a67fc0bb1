/* SPDX-License-Identifier: Apache-2.0 */
/* net_fragment.c: datagrams that come in pieces. */
#include "fragment.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

enum { ETH = 14, V4 = 20, V6 = 40, V6_FRAGMENT = 8, BODY = 65515 };

/* Longer than a datagram can be: a fragment may claim to lie behind that. */
static uint8_t body[1 << 16];

static void put(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The LEN bytes of body[] at OFFSET as a fragment of the datagram ID, handed over in memory of its very size. */
static enum fragment_fate take_at(bool six, unsigned id, size_t offset, size_t len, bool more,
				  int64_t now, uint8_t **whole, size_t *whole_len)
{
	size_t head = ETH + (six ? V6 + V6_FRAGMENT : V4);
	uint8_t *frame = calloc(1, head + len), *ip = frame + ETH;
	enum fragment_fate fate;

	put(frame + 12, six ? 0x86dd : 0x0800);
	if (six) {
		ip[0] = 0x60;
		put(ip + 4, V6_FRAGMENT + len);
		ip[6] = 44;
		ip[V6] = 17;
		put(ip + V6 + 2, offset | more);
		put(ip + V6 + 6, id);
	} else {
		ip[0] = 0x45;
		put(ip + 2, V4 + len);
		put(ip + 4, id);
		put(ip + 6, offset / 8 | (more ? 0x2000 : 0));
		ip[9] = 17;
	}
	memcpy(frame + head, body + offset, len);
	fate = fragment_take(frame, head + len, now, whole, whole_len);
	free(frame);
	return fate;
}

static enum fragment_fate take(bool six, unsigned id, size_t offset, size_t len, bool more)
{
	uint8_t *whole;
	size_t whole_len;

	return take_at(six, id, offset, len, more, 0, &whole, &whole_len);
}

/* All of it in pieces of 1480 bytes, in the order of STEP. */
static void test_whole(bool six, unsigned id, size_t len, size_t step)
{
	enum { PIECE = 1480 };
	size_t n = (len + PIECE - 1) / PIECE, whole_len = 0, head = ETH + (six ? V6 : V4);
	uint8_t *whole = NULL;
	enum fragment_fate fate = FRAGMENT_NONE;

	for (size_t i = 0; i < n; i++) {
		size_t at = i * step % n * PIECE;
		size_t piece = len - at < PIECE ? len - at : PIECE;

		if (i > 0)
			tap_check(fate == FRAGMENT_TAKEN, __FILE__, __LINE__, "%zu of %zu", i,
				  n);
		fate = take_at(six, id, at, piece, at + piece < len, 0, &whole, &whole_len);
	}
	check(fate == FRAGMENT_WHOLE);
	check_int(whole_len, head + len);
	check(whole && memcmp(whole + head, body, len) == 0);
	check(whole &&
	      (six ? whole[ETH + 6] == 17 : whole[ETH + 6] == 0 && whole[ETH + 7] == 0));
}

static void test_refused(bool six)
{
	check(take(six, 100, 0, 1480, true) == FRAGMENT_TAKEN);
	check(take(six, 100, 1472, 1480, true) == FRAGMENT_TAKEN); /* overlaps: both are gone */
	check(take(six, 100, 1480, 8, false) == FRAGMENT_TAKEN);
	check(take(six, 101, 0, 1479, true) == FRAGMENT_TAKEN); /* not in eights */
	check(take(six, 101, 1480, 8, false) == FRAGMENT_TAKEN);
	check(take(six, 102, 65528 - 8, 8, false) ==
	      FRAGMENT_TAKEN); /* over 64 KiB with its header */
	check(take(six, 103, 1480, 8, false) == FRAGMENT_TAKEN);
	check(take(six, 103, 2960, 8, true) == FRAGMENT_TAKEN); /* behind the last */
	check(take(six, 103, 0, 1480, true) == FRAGMENT_TAKEN);
	check(take(six, 104, 800, 8, true) == FRAGMENT_TAKEN);
	check(take(six, 104, 8, 8, false) == FRAGMENT_TAKEN); /* a last one that isn't */
	check(take(six, 104, 0, 8, true) == FRAGMENT_TAKEN);
}

static void test_time(bool six)
{
	uint8_t *whole;
	size_t len;

	check(take_at(six, 200, 0, 8, true, 1000, &whole, &len) == FRAGMENT_TAKEN);
	check(take_at(six, 200, 8, 8, false, 1500, &whole, &len) == FRAGMENT_WHOLE);
	check(take_at(six, 201, 0, 8, true, 1000, &whole, &len) == FRAGMENT_TAKEN);
	check(take_at(six, 201, 8, 8, false, 4000, &whole, &len) == FRAGMENT_TAKEN);
}

/* Many that are never whole don't keep one from becoming it. */
static void test_flood(bool six)
{
	uint8_t *whole;
	size_t len;

	for (unsigned i = 0; i < 1000; i++)
		check(take_at(six, 1000 + i, 0, 8, true, 10000 + i, &whole, &len) ==
		      FRAGMENT_TAKEN);
	check(take_at(six, 5000, 0, 8, true, 11000, &whole, &len) == FRAGMENT_TAKEN);
	check(take_at(six, 5000, 8, 8, false, 11001, &whole, &len) == FRAGMENT_WHOLE);
}

static void test_others(void)
{
	uint8_t frame[ETH + V4 + 8] = {
		[12] = 8, [ETH] = 0x45, [ETH + 3] = V4 + 8, [ETH + 9] = 17};
	uint8_t *whole;
	size_t len;

	check(fragment_take(frame, sizeof(frame), 0, &whole, &len) == FRAGMENT_NONE);
	frame[ETH + 6] = 0x40; /* that forbids them */
	check(fragment_take(frame, sizeof(frame), 0, &whole, &len) == FRAGMENT_NONE);
	frame[ETH + 6] = 0x20;
	frame[ETH + 9] = 6;
	check(fragment_take(frame, sizeof(frame), 0, &whole, &len) == FRAGMENT_TAKEN);
	frame[ETH + 9] = 17;
	frame[ETH] = 0x46;
	check(fragment_take(frame, sizeof(frame), 0, &whole, &len) == FRAGMENT_TAKEN);
	for (size_t n = 0; n < ETH; n++)
		check(fragment_take(frame, n, 0, &whole, &len) == FRAGMENT_NONE);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7 % 251);
	for (int six = 0; six < 2; six++) {
		test_whole(six, 1, 1481, 1);
		/* The largest datagram that there is; with IPv6, that libslirp takes. */
		test_whole(six, 2, six ? BODY - 20 : BODY, 1);
		test_whole(six, 3, 65000, 7);
		test_whole(six, 4, 65000, 43);
		test_refused(six);
		test_time(six);
		test_flood(six);
	}
	test_others();
	return tap_done();
}
