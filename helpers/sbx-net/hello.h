/* SPDX-License-Identifier: Apache-2.0 */
/* hello.h: whom a connection says it is for, by the first bytes that its client sends. */
#pragma once

#include "net/net.h"

#include <stddef.h>

/*
 * Theory of operation
 *
 * Many names share an address, so where a rule is about a name the address alone doesn't tell.
 * Two protocols say the name before anything else: TLS (the server name of its ClientHello, RFC
 * 6066, 3), and HTTP/1 (Host, RFC 9112, 3.2). What is read here is what the server on the other
 * side will read, or else it decides on something that wasn't looked at. So what two readers
 * could take for two things is HELLO_BAD: a header or a server name that is there twice, a line
 * that is folded or ends by a bare LF, a target that names another host than Host does.
 *
 * Bytes come as the network likes; whoever calls keeps them and asks again with more of them,
 * from the first on. What can't become either protocol is HELLO_OTHER with the first byte that
 * shows it: such a client may wait for its server to speak.
 *
 * It is the first words that are looked at. A server for many names may let a later request of
 * the same connection be for another one of its own; so may TLS's inner ClientHello (ECH).
 * sbx-net(7) says so.
 */

enum hello_kind {
	HELLO_MORE, /* it can still become one of the next two */
	HELLO_TLS,
	HELLO_HTTP,
	HELLO_OTHER,
	HELLO_BAD, /* it is one of both, and not as it should be */
};

/* Nothing of this length is HELLO_MORE. */
enum { HELLO_MAX = 65536 };

/* With HELLO_TLS and HELLO_HTTP *RET_NAME is the name, or "" where none is said, or an
 * address for one. Needs no terminator behind DATA. */
enum hello_kind hello_read(const uint8_t *data, size_t len, char ret_name[NET_NAME_MAX + 1]);
