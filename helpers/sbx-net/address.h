/* SPDX-License-Identifier: Apache-2.0 */
/* address.h: addresses in the one form that all of sbx-net has them in: IPv6, with IPv4 mapped. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

static inline struct in6_addr address_mapped(const void *four)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(a.s6_addr + 12, four, 4);
	return a;
}

/* By its text, which is right. */
static inline struct in6_addr address_of(const char *text)
{
	struct in6_addr a = {0};
	struct in_addr four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return address_mapped(&four);
	(void)inet_pton(AF_INET6, text, &a);
	return a;
}

static inline bool address_is(const struct in6_addr *a, const char *text)
{
	struct in6_addr b = address_of(text);

	return memcmp(a, &b, sizeof(b)) == 0;
}

/* Into *RET_ADDRESS; the port, in host order. Other families are the address ::. */
static inline uint16_t address_get(const struct sockaddr_storage *from,
				   struct in6_addr *ret_address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;

	*ret_address = (struct in6_addr){0};
	if (from->ss_family == AF_INET) {
		*ret_address = address_mapped(&four->sin_addr);
		return ntohs(four->sin_port);
	}
	if (from->ss_family != AF_INET6)
		return 0;
	*ret_address = six->sin6_addr;
	return ntohs(six->sin6_port);
}

/* Into *RET_TO, as the family that it is of; its length. */
static inline socklen_t address_put(const struct in6_addr *a, uint16_t port,
				    struct sockaddr_storage *ret_to)
{
	struct sockaddr_in *four = (struct sockaddr_in *)ret_to;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_to;

	*ret_to = (struct sockaddr_storage){0};
	if (IN6_IS_ADDR_V4MAPPED(a)) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		memcpy(&four->sin_addr, a->s6_addr + 12, 4);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	six->sin6_addr = *a;
	return sizeof(*six);
}

static inline int address_family(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a) ? AF_INET : AF_INET6;
}

static inline bool address_is_loopback(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}
