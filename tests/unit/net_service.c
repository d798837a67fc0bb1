/* SPDX-License-Identifier: Apache-2.0 */
/* net_service.c: the name service between a sandbox and the host's servers, by rules and without. */
#include "dns.h"

#include "choke.h"
#include "dns_message.h"
#include "net_loop.h"
#include "tap.h"
#include "tell.h"
#include "util/scope.h"

#include <arpa/inet.h>
#include <sys/socket.h>

enum { PEERS_MAX = 64, TURNS = 20 };

static int peers[PEERS_MAX];
static size_t n_peers;
static uint8_t answer[FRAME_ANSWER_ROOM]; /* the last one that the sandbox got, by datagram */
static size_t answer_len;
static char told[256];

/* ---- rules: "www.*" is allowed, and all addresses but those of 10.0.0.0/8 ------------------ */

static bool has_rules;

bool policy_is_closed(void)
{
	return has_rules;
}

bool policy_has_names(void)
{
	return false;
}

struct policy_verdict policy_decide_name(const char *name)
{
	return (struct policy_verdict){.is_allowed = strncmp(name, "www.", 4) == 0};
}

struct policy_verdict policy_answer(const char *name, const struct in6_addr *address,
				    uint32_t ttl)
{
	return (struct policy_verdict){.is_allowed = address->s6_addr[12] != 10};
}

bool tell_question(int64_t when)
{
	return false;
}

void tell_event(const struct net_event *e)
{
}

void tell_name(const char *name, const struct policy_verdict *v)
{
	(void)snprintf(told, sizeof(told), "%s %s", name, v->is_allowed ? "yes" : "no");
}

void tell_answer(const char *name, const struct in6_addr *address,
		 const struct policy_verdict *v)
{
	(void)snprintf(told, sizeof(told), "%s not %u", name, address->s6_addr[12]);
}

/* ---- what the service stands on ----------------------------------------------------------- */

void loop_send(uint8_t *frame, unsigned len)
{
	enum { HEADS = 14 + 20 + 8 };

	answer_len = len - HEADS;
	memcpy(answer, frame + HEADS, answer_len);
}

int choke_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	int type = 0, pair[2];
	socklen_t size = sizeof(type);

	(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	if (n_peers == PEERS_MAX || socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	(void)dup2(pair[0], fd);
	(void)close(pair[0]);
	peers[n_peers++] = pair[1];
	return 0;
}

/* Whatever is ready is seen to, until nothing is. */
static void turn_all(void)
{
	for (int turns = 0; turns < TURNS && turn(); turns++)
		;
}

static void pass(int64_t ms)
{
	now += ms;
	dns_expire();
	turn_all();
}

static void pass_all(void)
{
	while (dns_due() >= 0)
		pass(1000);
}

static struct net_servers servers(uint32_t n)
{
	struct net_servers s = {.n = n};

	for (uint32_t i = 0; i < n; i++)
		s.address[i] = (struct in6_addr){
			.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 192, [15] = (uint8_t)i}};
	return s;
}

static void start(bool rules, uint32_t n)
{
	static struct net_config config;

	while (n_peers)
		(void)close(peers[--n_peers]);
	config.servers = servers(n);
	has_rules = rules;
	told[0] = '\0';
	answer_len = 0;
	dns_start(&config);
}

/* ---- messages ----------------------------------------------------------------------------- */

/* The question about "www.a" or, where the letter is another, its neighbour. */
static size_t question(uint8_t *p, char first, uint16_t type)
{
	const uint8_t m[] = {0x12, 0x34, 1, 0,	 0, 1, 0,
			     0,	   0,	 0, 0,	 0, 3, (uint8_t)first,
			     'w',  'W',	 1, 'a', 0, 0, (uint8_t)type,
			     0,	   1};

	memcpy(p, m, sizeof(m));
	return sizeof(m);
}

static void ask(char first, uint16_t type)
{
	uint8_t data[64];
	struct frame_datagram d = {.payload = data, .len = question(data, first, type)};

	answer_len = 0;
	dns_ask(&d);
}

/* What the server I was asked, by datagram. */
static size_t asked(size_t i, uint8_t *data)
{
	ssize_t n = i < n_peers ? recv(peers[i], data, 512, 0) : 0;

	return n < 0 ? 0 : (size_t)n;
}

/* Makes an answer out of a question without OPT: RCODE, and the address A.2.3.4 where that isn't 0. */
static size_t answer_of(uint8_t *p, size_t n, unsigned rcode, uint8_t a)
{
	const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, a, 2, 3, 4};

	p[2] |= 0x84;
	p[3] = (uint8_t)(0x80 | rcode);
	p[7] = a != 0;
	if (a)
		memcpy(p + n, record, sizeof(record));
	return n + (a ? sizeof(record) : 0);
}

/* The server I says so. */
static void reply(size_t i, unsigned rcode, uint8_t a)
{
	uint8_t data[512];
	size_t n = asked(i, data);

	if (check_that(n > 0, "server %zu was asked", i))
		(void)send(peers[i], data, answer_of(data, n, rcode, a), 0);
	turn_all();
}

static int rcode(void)
{
	return answer_len && answer[0] == 0x12 && answer[1] == 0x34 ? (int)dns_rcode_of(answer)
								    : -1;
}

/* ---- datagrams ---------------------------------------------------------------------------- */

static void test_without_rules(void)
{
	uint8_t want[64], got[512];
	size_t n = question(want, 'w', DNS_A), len;

	start(false, 2);
	ask('w', DNS_A);
	len = asked(0, got);
	check_that(len == n && memcmp(got + 2, want + 2, n - 2) == 0, "it goes on as it is");
	n = answer_of(got, len, 0, 10);
	(void)send(peers[0], got, n, 0);
	turn_all();
	check_that(answer_len == n && rcode() == 0 && memcmp(answer + 2, got + 2, n - 2) == 0,
		   "so does the answer");
	check_str(told, "");
	ask('w', DNS_AXFR);
	check_int(n_peers, 2);
	check_int(n_watches, 1);
	ask('x', DNS_A);
	check_int(rcode(), DNS_NXDOMAIN);
	check_str(told, "xww.a no");
	check_that(n_peers == 2, "what the host is called is asked of nobody");
}

static void test_rules(void)
{
	uint8_t got[512];

	start(true, 1);
	ask('x', DNS_A);
	check_int(rcode(), DNS_REFUSED);
	check_str(told, "xww.a no");
	ask('w', 255);
	check_int(rcode(), DNS_REFUSED);
	ask('w', DNS_HTTPS);
	check_that(rcode() == DNS_NOERROR && answer[7] == 0, "HTTPS has no records");
	check_int(n_peers, 0);
	ask('W', DNS_A);
	check_str(told, "www.a yes");
	check(recv(peers[0], got, sizeof(got), MSG_PEEK) > 0 &&
	      memcmp(got + 13, "www", 3) == 0);
	reply(0, 0, 192);
	check_that(rcode() == 0 && answer[7] == 1 && memcmp(answer + 13, "WwW", 3) == 0,
		   "an address is shown, for the name as it was asked");
	check_that(!(answer[2] & 4), "without AA");
	ask('w', DNS_A);
	reply(1, 0, 10);
	check_that(rcode() == 0 && answer[7] == 0, "an address that isn't allowed isn't shown");
	check_str(told, "www.a not 10");
	check_int(n_watches, 0);
}

static void test_servers(void)
{
	static const uint8_t garbage[30] = {0};
	struct net_servers none = servers(0), two = servers(2);

	start(true, 2);
	ask('w', DNS_A);
	(void)send(peers[0], garbage, sizeof(garbage), 0);
	turn_all();
	check_that(rcode() < 0 && n_peers == 1, "garbage is waited past");
	reply(0, DNS_SERVFAIL, 0);
	check_that(rcode() < 0 && n_peers == 2, "after a failure the next one is asked");
	reply(1, DNS_REFUSED, 0);
	check_int(rcode(), DNS_REFUSED);
	ask('w', DNS_A);
	for (int i = 0; i < 3; i++) {
		check_that(rcode() < 0, "patience %d", i);
		pass(2000);
	}
	check_int(n_peers, 6);
	reply(5, 0, 192);
	check_int(rcode(), 0);
	ask('w', DNS_A);
	for (int i = 0; i < 4; i++)
		pass(2000);
	check_int(rcode(), DNS_SERVFAIL);
	ask('w', DNS_A);
	dns_set_servers(&two);
	reply(n_peers - 1, 0, 192);
	check_int(rcode(), 0);
	ask('w', DNS_A);
	dns_set_servers(&none);
	check_int(rcode(), DNS_SERVFAIL);
	ask('w', DNS_A);
	check_int(rcode(), DNS_SERVFAIL);
	check_int(n_watches, 0);
}

/* ---- connections -------------------------------------------------------------------------- */

static int client(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	check_int(dns_serve(pair[1]), 0);
	return pair[0];
}

static size_t framed(uint8_t *p, char first, uint16_t type)
{
	size_t n = question(p + 2, first, type);

	p[0] = 0;
	p[1] = (uint8_t)n;
	return n + 2;
}

/* The server that was connected last answers by connection. */
static void reply_stream(unsigned rcode, uint8_t a)
{
	uint8_t data[512];
	size_t n = asked(n_peers - 1, data);

	if (check_that(n > 2 && data[1] == n - 2, "it was asked by connection")) {
		n = answer_of(data + 2, n - 2, rcode, a);
		data[1] = (uint8_t)n;
		/* In two pieces. */
		(void)send(peers[n_peers - 1], data, 5, 0);
		turn_all();
		(void)send(peers[n_peers - 1], data + 5, n + 2 - 5, 0);
	}
	turn_all();
}

/* The RCODE of one answer; its number of records is *RET_N. */
static int heard(int fd, int *ret_n)
{
	uint8_t data[512];

	*ret_n = 0;
	if (recv(fd, data, 2, MSG_DONTWAIT) != 2 ||
	    recv(fd, data + 2, data[1], MSG_DONTWAIT) != data[1])
		return -1;
	*ret_n = data[2 + 7];
	return dns_rcode_of(data + 2);
}

static bool is_ended(int fd)
{
	uint8_t byte;

	errno = 0;
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

static void test_stream(void)
{
	uint8_t data[256];
	size_t n = framed(data, 'w', DNS_A);
	int fd, records;

	start(true, 2);
	fd = client();
	n += framed(data + n, 'x', DNS_A);
	n += framed(data + n, 'w', DNS_A);
	(void)send(fd, data, 1, 0);
	turn_all();
	(void)send(fd, data + 1, n - 1, 0);
	(void)shutdown(fd, SHUT_WR);
	turn_all();
	reply_stream(DNS_SERVFAIL, 0);
	check_int(n_peers, 2);
	reply_stream(0, 192);
	check_that(heard(fd, &records) == 0 && records == 1, "the first is answered");
	check_that(heard(fd, &records) == DNS_REFUSED, "the second is refused");
	pass(2000);
	reply_stream(0, 10);
	check_that(heard(fd, &records) == 0 && records == 0, "the third has nothing to show");
	check(is_ended(fd));
	check_int(n_watches, 0);
	(void)close(fd);
}

static void test_stream_fails(void)
{
	uint8_t data[256];
	size_t n = framed(data, 'w', DNS_A);
	struct net_servers none = servers(0);
	int fd, records;

	start(true, 2);
	fd = client();
	(void)send(fd, data, n, 0);
	turn_all();
	(void)close(peers[--n_peers]);
	turn_all();
	check_int(n_peers, 1);
	pass(2000);
	check_int(heard(fd, &records), DNS_SERVFAIL);
	(void)send(fd, data, n, 0);
	turn_all();
	dns_set_servers(&none);
	turn_all();
	check_int(heard(fd, &records), DNS_SERVFAIL);
	data[1] = 5;
	(void)send(fd, data, 7, 0);
	turn_all();
	check_that(is_ended(fd), "what is no question ends it");
	(void)close(fd);
}

static void test_stream_limits(void)
{
	enum { MANY = 17 };
	int fds[MANY];

	start(true, 1);
	for (int i = 0; i < MANY; i++, now++)
		fds[i] = client();
	check_that(is_ended(fds[0]) && !is_ended(fds[1]), "one too many ends the oldest");
	pass(10000);
	check_that(is_ended(fds[1]) && is_ended(fds[MANY - 1]), "after a while all end");
	check_int(dns_due(), -1);
	check_int(n_watches, 0);
	for (int i = 0; i < MANY; i++)
		(void)close(fds[i]);
}

static void test_transfer(void)
{
	uint8_t data[64];
	size_t n = framed(data, 'w', DNS_AXFR);
	int fd, records;

	start(false, 1);
	fd = client();
	(void)send(fd, data, n, 0);
	turn_all();
	check_int(heard(fd, &records), DNS_REFUSED);
	check_int(n_peers, 0);
	(void)close(fd);
	turn_all();
}

int main(void)
{
	test_without_rules();
	pass_all();
	test_rules();
	test_servers();
	test_stream();
	test_stream_fails();
	test_stream_limits();
	test_transfer();
	return tap_done();
}
