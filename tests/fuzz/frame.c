/* SPDX-License-Identifier: Apache-2.0 */
/* frame.c: what a sandbox sends over its tap: a virtio_net_hdr, then a frame. */
#include "frame.h"
#include "fuzz.h"

#include <arpa/inet.h>

enum { ETH = 14, V4 = 20, V6 = 40 };

static unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

/* What libslirp gets has lengths that the frame has, and goes to no address that stands for us. */
static void passed_check(const uint8_t *p, size_t len)
{
	static const uint8_t zero[16];
	const uint8_t *to = p + ETH + 24;

	must(len >= ETH);
	if (get16(p + 12) == 0x0800) {
		must(len >= ETH + V4 && p[ETH] == 0x45 && ETH + get16(p + ETH + 2) <= len);
		must(!(get16(p + ETH + 6) & 0x3fff));
		must(p[ETH + 16] != 0 && p[ETH + 16] != 127 && p[ETH + 16] < 224);
		must(memcmp(p + ETH + 12, (uint8_t[]){10, 0, 2, 100}, 4) == 0);
		must(p[ETH + 9] != IPPROTO_ICMP || p[ETH + V4] == 8);
		if (p[ETH + 9] == IPPROTO_TCP)
			must(!(p[ETH + V4 + 13] & 0x20));
		return;
	}
	must(get16(p + 12) == 0x86dd && len >= ETH + V6 + get16(p + ETH + 4));
	must(memcmp(to, zero, 12) != 0 && to[0] != 0xff);
	must(p[ETH + 6] != IPPROTO_ICMPV6 || p[ETH + V6] == 128);
	must(memcmp(to, zero, 10) != 0 || get16(to + 10) != 0xffff);
	if (p[ETH + 6] == IPPROTO_TCP)
		must(!(p[ETH + V6 + 13] & 0x20));
}

static void question_check(const struct frame_datagram *d, const uint8_t *p, size_t len)
{
	uint8_t answer[FRAME_ANSWER_ROOM], most[FRAME_ANSWER_MAX] = {0};
	struct frame_datagram back;

	must(d->payload >= p && d->payload + d->len <= p + len);
	must(frame_answer(d, most, sizeof(most), answer) <= sizeof(answer));
	/* From the name service to the sandbox: nothing that a sandbox may send. */
	must(frame_admit(answer, frame_answer(d, most, 12, answer), &back) != FRAME_DNS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr head;
	struct frame_datagram d;
	autofree char *room = NULL;
	uint8_t *frame;

	if (size < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	size -= sizeof(head);
	room = fuzz_room(size);
	frame = (uint8_t *)room;
	memcpy(frame, data + sizeof(head), size);
	if (!frame_complete(&head, frame, size))
		return 0;
	switch (frame_admit(frame, size, &d)) {
	case FRAME_PASS:
	case FRAME_ECHO:
		passed_check(frame, size);
		break;
	case FRAME_DNS:
		question_check(&d, frame, size);
		break;
	case FRAME_DROP:
		break;
	}
	frame_outgoing(frame, size, &head);
	must(head.gso_type == VIRTIO_NET_HDR_GSO_NONE || head.hdr_len <= size);
	return 0;
}
