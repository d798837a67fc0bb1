/* SPDX-License-Identifier: Apache-2.0 */
/* redirect.h: TCP of a namespace's own, led past the tap. */
#pragma once

#include <stdint.h>

/*
 * Theory of operation
 *
 * A connection that leaves by the sandbox's interface comes to a listener on the loopback interface instead. Where the kernel can,
 * its packets get a mark that leads them there, and the listener is handed the first of them as it is (TPROXY): what it
 * accepts has the address that the connection was meant for. Else by nat (SO_ORIGINAL_DST), for which the
 * kernel keeps track of all connections: 15 % of the speed, twice the time to set up, and a table that many short ones fill.
 */

/* Of a mark: what has it besides isn't the helper's, but led to it. */
enum { REDIRECT_LED = 1 };

/* What mends a kernel that can't, where it has modules for it, and where it has none. */
#define REDIRECT_MODPROBE "sudo modprobe -a nf_tables nft_chain_nat nft_redir"
#define REDIRECT_CONFIG	  "CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT and CONFIG_NFT_REDIR"

/* Connections that leave by the interface INDEX come to NET_REDIRECT_PORT instead, by way of MARK, for which redirect_mark()
 * has been called for each family and which hasn't got REDIRECT_LED; 0: only by nat. By NFT, a socket of NETLINK_NETFILTER's. 0: as they
 * are, 1: by nat, or a negative errno without a sentence where the kernel can do neither. */
int redirect_make(int nft, int index, uint32_t mark);

/* A socket for TCP: one to listen at, or from which others are made to connect from. */
int redirect_socket(int family);

/* Has them come to the socket FD, for FAMILY. What it accepts has MARK, and may have any address for its own
 * (IP_TRANSPARENT). */
int redirect_listen(int fd, int family, uint32_t mark);

/* What is sent with MARK is this namespace's own, whatever its address; and so are the answers (with the sysctls
 * tcp_fwmark_accept and fwmark_reflect). For FAMILY; by ROUTE, a socket of NETLINK_ROUTE's. */
int redirect_mark(int route, int family, uint32_t mark);
