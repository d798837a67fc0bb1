/* SPDX-License-Identifier: Apache-2.0 */
/* redirect.h: TCP of a namespace's own, led past the tap. */
#pragma once

#include <stdint.h>

/* The port that connections are redirected to, on the loopback addresses; tcpmux(1), which nobody serves. */
enum { REDIRECT_PORT = 1 };

/* What mends a kernel that can't, where it has modules for it, and where it has none. */
#define REDIRECT_MODPROBE "sudo modprobe -a nf_tables nft_chain_nat nft_redir"
#define REDIRECT_CONFIG	  "CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT and CONFIG_NFT_REDIR"

/* Connections that leave by the interface INDEX come to REDIRECT_PORT instead; by NAT, a socket of NETLINK_NETFILTER's. A negative
 * errno without a sentence where the kernel can't (no nat of nftables). */
int redirect_make(int nat, int index);

/* A socket for TCP: one to listen at, or from which others are made to connect from. */
int redirect_socket(int family);

/* Has them come to the socket FD, for FAMILY. What it accepts has MARK, and may have any address for its own
 * (IP_TRANSPARENT). */
int redirect_listen(int fd, int family, uint32_t mark);

/* What is sent with MARK is this namespace's own, whatever its address; and so are the answers (with the sysctls
 * tcp_fwmark_accept and fwmark_reflect). By ROUTE, a socket of NETLINK_ROUTE's. */
int redirect_mark(int route, uint32_t mark);
