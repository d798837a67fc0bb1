/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c: compiled seccomp programs, kept between runs. */
#include "cache.h"

#include "util/fail.h"
#include "util/io.h"
#include "util/scope.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf_common.h>
#include <sys/stat.h>

/* To be raised with every change of the file's form or of what is made out of a key. */
enum { CACHE_FORMAT = 1 };

enum { CACHE_NAME_MAX = 17 };

static const char cache_magic[8] = "sbxbpf\n";

/* The file: this, the instructions, the key. */
struct cache_head {
	char magic[8];
	uint64_t checksum; /* of the instructions and of `unknown` */
	uint32_t unknown;
	uint32_t n;
};

/* What stands in front of the source in a key. No padding: it is compared as bytes. */
struct key_head {
	uint32_t format, version[3];
	uint32_t arch, kernel;
	uint64_t caps, nested;
};

static const uint64_t fnv_start = UINT64_C(0xcbf29ce484222325);

/* FNV-1a: tells damage and names apart, keeps no secret. */
static uint64_t fnv_add(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t entry_checksum(const struct cache_entry *entry)
{
	uint64_t hash = fnv_add(fnv_start, entry->filter.code,
				entry->filter.n * sizeof(struct sock_filter));

	return fnv_add(hash, &entry->unknown, sizeof(entry->unknown));
}

struct cache_key cache_key_make(struct arena *a, const struct program_target *target,
				const void *source, size_t len)
{
	const struct scmp_version *version = seccomp_version();
	const struct key_head head = {
		.format = CACHE_FORMAT,
		.version = {version->major, version->minor, version->micro},
		.arch = target->arch,
		.kernel = target->kernel,
		.caps = target->caps,
		.nested = target->nested,
	};
	char *data = arena_alloc(a, sizeof(head) + len);

	memcpy(data, &head, sizeof(head));
	memcpy(data + sizeof(head), source, len);
	return (struct cache_key){.data = data, .len = sizeof(head) + len};
}

static void key_name(const struct cache_key *key, char name[CACHE_NAME_MAX])
{
	(void)snprintf(name, CACHE_NAME_MAX, "%016" PRIx64,
		       fnv_add(fnv_start, key->data, key->len));
}

static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 022);
}

/* The folder NAME in DIR, made where CREATE says so; negative where there is none or it isn't
 * ours alone. */
static int folder_open(int dir, const char *name, bool create)
{
	autoclose int fd = -EBADF;

	if (create)
		(void)mkdirat(dir, name, 0700);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && is_ours(fd) ? take_fd(&fd) : -EBADF;
}

/* The folder that holds caches: users may well have put a symbolic link there. */
static int base_open(bool create)
{
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	autoclose int home_fd = -EBADF;

	/* The XDG specification: a relative path is to be ignored. */
	if (xdg && xdg[0] == '/') {
		if (create)
			(void)mkdir(xdg, 0700);
		return open(xdg, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (!home || home[0] != '/')
		return -EBADF;
	home_fd = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (home_fd < 0)
		return -EBADF;
	if (create)
		(void)mkdirat(home_fd, ".cache", 0700);
	return openat(home_fd, ".cache", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

const char *sandbox_cache_folder(struct arena *a)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	autoclose int base = base_open(true);
	autoclose int sbx = base >= 0 ? folder_open(base, "sbx", true) : -EBADF;

	if (sbx < 0)
		return NULL;
	return xdg && xdg[0] == '/' ? arena_printf(a, "%s/sbx", xdg)
				    : arena_printf(a, "%s/.cache/sbx", home);
}

static int cache_open(bool create)
{
	autoclose int base = base_open(create);
	autoclose int sbx = base >= 0 ? folder_open(base, "sbx", create) : -EBADF;

	return sbx >= 0 ? folder_open(sbx, "seccomp", create) : -EBADF;
}

/* DATA has a NUL behind its LEN bytes, and is aligned as the arena aligns. */
static bool entry_parse(const char *data, size_t len, const struct cache_key *key,
			struct cache_entry *ret_entry)
{
	struct cache_head head;
	struct cache_entry entry;
	size_t code_len;

	if (len < sizeof(head))
		return false;
	memcpy(&head, data, sizeof(head));
	if (memcmp(head.magic, cache_magic, sizeof(head.magic)) != 0)
		return false;
	if (head.n == 0 || head.n > BPF_MAXINSNS)
		return false;
	code_len = head.n * sizeof(struct sock_filter);
	if (len != sizeof(head) + code_len + key->len)
		return false;
	if (memcmp(data + sizeof(head) + code_len, key->data, key->len) != 0)
		return false;
	entry.filter.code = (const struct sock_filter *)(const void *)(data + sizeof(head));
	entry.filter.n = (unsigned short)head.n;
	entry.unknown = head.unknown;
	if (entry_checksum(&entry) != head.checksum)
		return false;
	*ret_entry = entry;
	return true;
}

bool cache_load(const struct cache_key *key, struct arena *a, struct cache_entry *ret_entry)
{
	const size_t max = sizeof(struct cache_head) +
			   BPF_MAXINSNS * sizeof(struct sock_filter) + key->len;
	autoclose int dir = cache_open(false);
	autoclose int fd = -EBADF;
	char name[CACHE_NAME_MAX];
	char *data;
	size_t len;

	if (dir < 0)
		return false;
	key_name(key, name);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || !is_ours(fd) || io_read_file(fd, a, max, &data, &len) < 0)
		return false;
	return entry_parse(data, len, key, ret_entry);
}

void cache_store(const struct cache_key *key, struct arena *a, const struct cache_entry *entry)
{
	const size_t code_len = entry->filter.n * sizeof(struct sock_filter);
	autoclose int dir = cache_open(true);
	struct cache_head head = {
		.checksum = entry_checksum(entry),
		.unknown = entry->unknown,
		.n = entry->filter.n,
	};
	char name[CACHE_NAME_MAX];
	char *data;

	if (dir < 0)
		return;
	memcpy(head.magic, cache_magic, sizeof(head.magic));
	data = arena_alloc(a, sizeof(head) + code_len + key->len);
	memcpy(data, &head, sizeof(head));
	memcpy(data + sizeof(head), entry->filter.code, code_len);
	memcpy(data + sizeof(head) + code_len, key->data, key->len);
	key_name(key, name);
	if (io_replace_file(dir, name, data, sizeof(head) + code_len + key->len) < 0)
		fail_forget();
}
