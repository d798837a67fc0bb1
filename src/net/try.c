/* SPDX-License-Identifier: Apache-2.0 */
/* try.c: what this machine offers a network: a way to redirect, and name servers. */
#include "net.h"
#include "netlink.h"
#include "redirect.h"

#include "util/clock.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- nat --------------------------------------------------------------------------------- */

enum { LOOPBACK = 1 /* in every network namespace */ };

static int loopback_up(void)
{
	struct ifinfomsg body = {.ifi_index = LOOPBACK,
				 .ifi_flags = IFF_UP,
				 .ifi_change = IFF_UP};
	autoclose int fd = netlink_open(NETLINK_ROUTE);
	struct netlink q = {0};
	unsigned refused;

	netlink_request(&q, RTM_NEWLINK, 0, &body, sizeof(body));
	netlink_must(&q);
	return fd < 0 ? fd : netlink_send(&q, fd, &refused);
}

/* To a port that nobody serves: it stands where it was redirected. */
static int connection_try(void)
{
	enum { DISCARD_PORT = 9 };
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(DISCARD_PORT),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

static int redirect_try(void)
{
	enum { MARK = 2 };
	autoclose int nft = netlink_open(NETLINK_NETFILTER);
	autoclose int route = netlink_open(NETLINK_ROUTE);
	autoclose int listener = redirect_socket(AF_INET);
	bool is_marked = route >= 0 && redirect_mark(route, AF_INET, MARK) == 0;
	int way = nft < 0 ? nft : redirect_make(nft, LOOPBACK, is_marked ? MARK : 0), r = way;

	if (r >= 0)
		r = listener < 0 ? listener : redirect_listen(listener, AF_INET, MARK);
	if (r < 0)
		return fail(-r, "redirect connections by nftables: %s", strerrordesc_np(-r));
	r = loopback_up();
	if (r < 0)
		return fail(-r, "set up a loopback interface: %s", strerrordesc_np(-r));
	r = connection_try();
	return r < 0 ? fail(-r, "have a connection redirected: %s", strerrordesc_np(-r)) : way;
}

/* Where the modules of the running kernel can be seen, whether they have it. */
static const char *nat_mend(void)
{
	enum { LIST_MAX = 16 << 20 };
	SCOPE_END(arena_done) struct arena a = {0};
	struct utsname kernel;
	char *modules;
	size_t len;

	if (uname(&kernel) < 0 ||
	    io_read_path(arena_printf(&a, "/lib/modules/%s/modules.dep", kernel.release), &a,
			 LIST_MAX, &modules, &len) < 0) {
		if (access("/proc/modules", F_OK) == 0)
			return "on the host of this kernel: " REDIRECT_MODPROBE;
		return "this kernel has none, nor modules: boot one that is built with " REDIRECT_CONFIG;
	}
	if (strstr(modules, "/nft_chain_nat.ko") && strstr(modules, "/nft_redir.ko"))
		return REDIRECT_MODPROBE;
	return "this kernel has none: install more of its modules, or boot one that is built "
	       "with " REDIRECT_CONFIG;
}

static int nat_failed(int r)
{
	const char *mend;
	struct fail_saved saved;

	if (r == -EPERM || r == -EACCES)
		return fail_hint(r, "a container or a sandbox around this, or a security "
				    "module, forbids it: start sbx outside of it");
	fail_save(&saved);
	mend = nat_mend();
	fail_restore(&saved);
	return fail_hint(r, "%s", mend);
}

int net_try_nat(void)
{
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return fail_sys("make a net namespace");
	r = redirect_try();
	return r < 0 ? nat_failed(r) : r;
}

/* ---- name servers ------------------------------------------------------------------------ */

enum { ID_LEN = 2, WAIT_MS = 1000, DNS_PORT = 53, FLAG_RESPONSE = 0x80 /* of byte 2 */ };

static void server_show(const struct net_servers *servers, uint32_t i, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN], interface[IF_NAMESIZE] = "";

	if (servers->scope[i])
		(void)if_indextoname(servers->scope[i], interface);
	(void)snprintf(text, size, "%s%s%s", net_address_write(&servers->address[i], address),
		       *interface ? "%" : "", interface);
}

/* A socket that the answer comes to: of the server's alone. */
static int server_ask(const struct net_servers *servers, uint32_t i, const uint8_t *question,
		      size_t len)
{
	const struct in6_addr *a = &servers->address[i];
	bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(a);
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
				   .sin6_port = htons(DNS_PORT),
				   .sin6_addr = *a,
				   .sin6_scope_id = servers->scope[i]};
	autoclose int fd = socket(is_ipv4 ? AF_INET : AF_INET6,
				  SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(&four.sin_addr, a->s6_addr + 12, sizeof(four.sin_addr));
	if (fd < 0 ||
	    connect(fd, is_ipv4 ? (const void *)&four : (const void *)&six,
		    is_ipv4 ? sizeof(four) : sizeof(six)) < 0 ||
	    send(fd, question, len, MSG_NOSIGNAL) < 0)
		return -errno;
	return take_fd(&fd);
}

/* What the server of FD says; it is closed when there is nothing more to wait for. */
static bool answer_take(int *fd, const uint8_t id[ID_LEN])
{
	uint8_t answer[4096];
	ssize_t n = recv(*fd, answer, sizeof(answer), 0);
	bool is_it = n > ID_LEN && memcmp(answer, id, ID_LEN) == 0 &&
		     (answer[2] & FLAG_RESPONSE) != 0;

	if (is_it || (n < 0 && errno != EAGAIN && errno != EINTR))
		*fd = fd_close(*fd);
	return is_it;
}

static bool is_any_open(const struct pollfd *asked, uint32_t n)
{
	while (n > 0)
		if (asked[--n].fd >= 0)
			return true;
	return false;
}

static void answers_await(struct pollfd *asked, uint32_t n, const uint8_t id[ID_LEN],
			  struct net_server_try *tried)
{
	int64_t end = clock_ms() + WAIT_MS, left;

	for (left = WAIT_MS; left > 0 && is_any_open(asked, n); left = end - clock_ms()) {
		(void)poll(asked, n, (int)left);
		for (uint32_t i = 0; i < n; i++)
			if (asked[i].fd >= 0 && asked[i].revents)
				tried[i].answers = answer_take(&asked[i].fd, id);
	}
	for (uint32_t i = 0; i < n; i++)
		(void)fd_close(asked[i].fd);
}

size_t net_try_servers(struct net_server_try ret_tried[NET_SERVERS_MAX])
{
	/* Whoever resolves names knows the root (RFC 1035, 4.1). */
	uint8_t question[] = {0, 0, 1 /* recursion */, 0, 0,	      1, 0, 0, 0, 0,
			      0, 0, 0 /* . */,	       0, 2 /* NS */, 0, 1 /* IN */};
	struct pollfd asked[NET_SERVERS_MAX] = {0};
	struct net_servers servers = {0};

	net_servers_read(&servers);
	(void)getrandom(question, ID_LEN, 0);
	for (uint32_t i = 0; i < servers.n; i++) {
		server_show(&servers, i, ret_tried[i].text, sizeof(ret_tried[i].text));
		ret_tried[i].answers = false;
		asked[i].fd = server_ask(&servers, i, question, sizeof(question));
		asked[i].events = POLLIN;
	}
	answers_await(asked, servers.n, question, ret_tried);
	return servers.n;
}
