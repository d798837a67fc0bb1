/* SPDX-License-Identifier: Apache-2.0 */
/* net_load.c: a server and a client that put a load on a network, and say what was lost.
 *
 *   net_load serve PORT            TCP at PORT, UDP at PORT and those behind it, and at PORT - 1
 *                                  a listener that accepts nothing; prints "ready"
 *   net_load client ADDRESS PORT   does what each line of stdin says (net_load_client.c), and answers
 *                                  with a line: "WORD ok FIGURES", or "WORD WHY NOT"
 *   net_load unredirect            takes the table `inet sbx` out of the network namespace
 *
 * Static: it runs in any tree. */
#include "net_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* ---- the server ---------------------------------------------------------------------------- */

static atomic_ullong ends, resets, half_hash;

static bool echo(int fd, uint64_t n)
{
	uint8_t data[4096];

	while (n > 0) {
		ssize_t got = recv(fd, data, n < sizeof(data) ? n : sizeof(data), 0);

		if (got <= 0 || !send_all(fd, data, (size_t)got))
			return false;
		n -= (uint64_t)got;
	}
	return true;
}

static bool sink(int fd, const struct ask *a)
{
	bool is_slow = a->kind == ASK_SLOW;
	uint64_t hash;
	char more;

	if (!is_slow)
		pause_ms(a->ms);
	return stream_recv_slowly(fd, a->n, &hash, is_slow ? a->ms : 0) &&
	       (a->kind != ASK_UNTIL || recv(fd, &more, 1, 0) == 0) &&
	       send_all(fd, &hash, sizeof(hash));
}

static bool both(int fd, const struct ask *a)
{
	uint64_t hashes[2];

	return stream_both(fd, a->n, &hashes[0], &hashes[1]) &&
	       send_all(fd, hashes, sizeof(hashes));
}

static bool half(int fd, const struct ask *a)
{
	uint64_t hash;

	if (shutdown(fd, SHUT_WR) < 0 || !stream_recv(fd, a->n, &hash))
		return false;
	half_hash = hash;
	return true;
}

static bool source(int fd, const struct ask *a)
{
	uint64_t hash;

	return stream_send(fd, a->n, &hash) && send_all(fd, &hash, sizeof(hash));
}

/* True: another question may come. */
static bool ask_serve(int fd, const struct ask *a)
{
	struct stats stats = {ends, resets, half_hash};

	errno = 0;
	switch (a->kind) {
	case ASK_ANSWER:
		return send_all(fd, a, sizeof(*a));
	case ASK_ECHO:
		return echo(fd, a->n);
	case ASK_SINK:
	case ASK_UNTIL:
	case ASK_SLOW:
		return sink(fd, a);
	case ASK_SOURCE:
		return source(fd, a);
	case ASK_BOTH:
		return both(fd, a);
	case ASK_HALF:
		return half(fd, a);
	case ASK_STATS:
		return send_all(fd, &stats, sizeof(stats));
	default:
		return false;
	}
}

static void *serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct ask a = {0};

	while (recv_all(fd, &a, sizeof(a)) && ask_serve(fd, &a))
		;
	if (errno == ECONNRESET || errno == EPIPE)
		resets++;
	else
		ends++;
	if (a.kind == ASK_RESET)
		fd_reset(fd);
	else
		(void)fd_close(fd);
	return NULL;
}

static int open_at(int type, uint16_t port, int backlog)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), size = 4 << 20;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (type == SOCK_DGRAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (const void *)&at, sizeof(at)) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, backlog) == 0))
		return fd;
	perror("net_load: open a port");
	exit(1);
}

static void *serve_datagrams(void *arg)
{
	static uint8_t data[65536]; /* one thread has it */
	int *fds = arg;

	for (;;) {
		fd_set ready;

		/* All are below FD_SETSIZE: they were opened first. */
		FD_ZERO(&ready);
		for (int i = 0; i < FLOWS_MAX; i++)
			FD_SET(fds[i], &ready);
		if (select(fds[FLOWS_MAX - 1] + 1, &ready, NULL, NULL, NULL) <= 0)
			continue;
		for (int i = 0; i < FLOWS_MAX; i++) {
			struct sockaddr_storage from;
			socklen_t len = sizeof(from);
			ssize_t n;

			if (!FD_ISSET(fds[i], &ready))
				continue;
			n = recvfrom(fds[i], data, sizeof(data), MSG_DONTWAIT, (void *)&from,
				     &len);
			if (n >= 0)
				(void)sendto(fds[i], data, (size_t)n, 0, (void *)&from, len);
		}
	}
	return NULL;
}

static void serve(uint16_t port)
{
	static int datagrams[FLOWS_MAX];
	pthread_t thread;
	int fd = open_at(SOCK_STREAM, port, 4096);

	for (int i = 0; i < FLOWS_MAX; i++)
		datagrams[i] = open_at(SOCK_DGRAM, (uint16_t)(port + i), 0);
	(void)open_at(SOCK_STREAM, port - 1, 0);
	if (!thread_start(&thread, serve_datagrams, datagrams))
		exit(1);
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (one < 0)
			continue;
		socket_tune(one);
		if (thread_start(&thread, serve_one, (void *)(intptr_t)one))
			(void)pthread_detach(thread);
		else
			(void)fd_close(one);
	}
}

/* ---- commands ------------------------------------------------------------------------------- */

/* nft delete table inet sbx */
static int unredirect(void)
{
	struct part {
		struct nlmsghdr head;
		struct nfgenmsg body;
	};
	struct {
		struct part begin, table;
		struct nlattr name_head;
		char name[4];
		struct part end;
	} batch = {
		.begin = {{.nlmsg_len = sizeof(struct part),
			   .nlmsg_type = NFNL_MSG_BATCH_BEGIN,
			   .nlmsg_flags = NLM_F_REQUEST},
			  {.res_id = htons(NFNL_SUBSYS_NFTABLES)}},
		.table = {{.nlmsg_len = sizeof(struct part) + NLA_HDRLEN + sizeof("sbx"),
			   .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
			  {.nfgen_family = NFPROTO_INET}},
		.name_head = {NLA_HDRLEN + sizeof("sbx"), NFTA_TABLE_NAME},
		.name = "sbx",
		.end = {{.nlmsg_len = sizeof(struct part),
			 .nlmsg_type = NFNL_MSG_BATCH_END,
			 .nlmsg_flags = NLM_F_REQUEST},
			{.res_id = htons(NFNL_SUBSYS_NFTABLES)}},
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} said = {0};
	autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0 || send(fd, &batch, sizeof(batch), 0) < 0 ||
	    recv(fd, &said, sizeof(said), 0) < 0) {
		perror("net_load: netlink");
		return 1;
	}
	if (said.error.error == 0)
		return 0;
	(void)fprintf(stderr, "net_load: delete the table: %s\n", strerror(-said.error.error));
	return 1;
}

int main(int argc, char *argv[])
{
	struct rlimit files;
	uint32_t port = 0;

	(void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	pattern_make();
	if (argc == 2 && streq(argv[1], "unredirect"))
		return unredirect();
	if (argc < 3 || str_to_u32(argv[argc - 1], UINT16_MAX, &port) < 0)
		return 2;
	if (argc == 3 && streq(argv[1], "serve"))
		serve((uint16_t)port);
	if (argc != 4 || !streq(argv[1], "client"))
		return 2;
	client(argv[2], (uint16_t)port);
	return 0;
}
