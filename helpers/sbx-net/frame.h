/* SPDX-License-Identifier: Apache-2.0 */
/* frame.h: what may pass between the tap and libslirp, and the headers that make it fast. */
#pragma once

#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Theory of operation
 *
 * The sandbox owns its end of the tap and can send any bytes. libslirp has had its faults in what hardly
 * any program sends: fragments, options, extension headers, urgent data, NC-SI, TFTP, DHCP. None of that
 * gets to it: what frame_admit() lets pass is IPv4 without options or fragments (fragment.h) and IPv6 without
 * extension headers, with TCP, UDP or an echo request in it, from the sandbox's own address, and
 * each length is one that the frame has. Neighbours are fixed on both sides, so nobody asks for them: who could
 * change what libslirp knows of them could make it crash.
 *
 * Frames cross with a virtio_net_hdr in front (IFF_VNET_HDR): what the sandbox's kernel sends
 * may be 64 KiB long and has its checksum unmade; what goes back is cut by that kernel too (GSO). For
 * libslirp to make segments longer than the link's, the SYN that it sees offers a larger MSS.
 */

enum {
	FRAME_MAX = 65536 + 64,
	/* libslirp's own MTU: no packet of IPv6 is longer, and it is the size of its buffers. 4.7 reads the answer to an echo into
	 * one as if its start was free; none is long enough to reach the end of these. */
	FRAME_SLIRP_MTU = 65520,
	/* The MSS that it is offered, which bounds what it makes. Each segment wakes its reader once, so they are long. But
	 * libslirp says that there is room again when two of them fit, and its window of 64 KiB is never whole where less than
	 * one of the link's was left. */
	FRAME_SLIRP_MSS = 31 * 1024,
};

enum frame_fate {
	FRAME_DROP,
	FRAME_PASS, /* to libslirp */
	FRAME_ECHO, /* the same, a request that IPv4 takes out: the datagram's target alone is set */
	FRAME_DNS, /* a datagram to the name service */
};

/* A datagram to the name service, with what the answer needs. */
struct frame_datagram {
	const uint8_t *payload;
	size_t len;
	bool is_ipv6;
	uint8_t mac[6];			/* of the sandbox */
	uint8_t source[16], target[16]; /* IPv4: the first 4 bytes */
	uint16_t port, target_port;	/* of the sandbox, and the other one; host order */
};

/* Looks at the frame FRAME of LEN bytes, and mends it where that is enough (urgent data). *RET_DATAGRAM
 * is set where it is one, else its .payload is NULL; it points into FRAME. */
enum frame_fate frame_admit(uint8_t *frame, size_t len, struct frame_datagram *ret_datagram);

/* What of the frame's header HEAD asks for is done: its checksum, after a larger MSS in a SYN. False where
 * HEAD contradicts the frame. */
bool frame_complete(const struct virtio_net_hdr *head, uint8_t *frame, size_t len);

/* The header for a frame that libslirp has made: one longer than the link's MTU is to be cut. */
void frame_outgoing(uint8_t *frame, size_t len, struct virtio_net_hdr *ret_head);

/* The frame that answers DATAGRAM with LEN bytes from the name service, of which there are at most
 * FRAME_ANSWER_MAX, into FRAME; its length. */
enum { FRAME_ANSWER_MAX = 1432, FRAME_ANSWER_ROOM = 1500 + 14 };
size_t frame_answer(const struct frame_datagram *datagram, const uint8_t *payload, size_t len,
		    uint8_t frame[FRAME_ANSWER_ROOM]);

/* The frame of a datagram from FROM, FROM_PORT to the sandbox's PORT, into FRAME; its length. */
size_t frame_inbound(const struct in6_addr *from, uint16_t from_port, uint16_t port,
		     const uint8_t *payload, size_t len, uint8_t frame[FRAME_MAX]);

/* Of an admitted FRAME: its protocol (IPPROTO_*), whether it is one of IPv4, and the port that it comes from, or its echo's identifier. */
uint8_t frame_protocol(const uint8_t *frame);
bool frame_is_ipv4(const uint8_t *frame);
uint16_t frame_source_port(const uint8_t *frame);

/* The frames by which the sandbox would tell its addresses if it was asked (RFC 826, RFC 4861): number I of so many,
 * and its length. */
enum { FRAME_INTRODUCTIONS = 2 };
const uint8_t *frame_introduction(size_t i, size_t *ret_len);
