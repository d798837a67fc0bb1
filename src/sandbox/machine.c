/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c: what this machine says of itself in /proc. */
#include "machine.h"

#include "util/io.h"
#include "util/scope.h"
#include "util/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* The first line of a small file; false where it can't be read. */
static bool line_read(const char *path, char *line, size_t size)
{
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : io_read_all(fd, line, size - 1);

	if (n < 0)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

int64_t machine_sysctl(const char *name)
{
	char path[128], line[32];
	uint64_t value;

	(void)snprintf(path, sizeof(path), "/proc/sys/%s", name);
	if (!line_read(path, line, sizeof(line)) || str_to_u64(line, INT64_MAX, &value) < 0)
		return -1;
	return (int64_t)value;
}

bool machine_is_host(void)
{
	enum { FIRST_USER_NAMESPACE = 0xEFFFFFFD }; /* the same in every kernel */
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == FIRST_USER_NAMESPACE;
}

bool machine_is_filtered(void)
{
	char status[4096];
	autoclose int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : io_read_all(fd, status, sizeof(status) - 1);

	status[n > 0 ? n : 0] = '\0';
	return strstr(status, "\nSeccomp:\t2");
}

bool machine_has_apparmor_restriction(void)
{
	return machine_sysctl("kernel/apparmor_restrict_unprivileged_userns") > 0;
}

bool machine_apparmor_profile(char ret_name[MACHINE_PROFILE_MAX])
{
	char line[256];

	if (!line_read("/proc/self/attr/apparmor/current", line, sizeof(line)) || !line[0] ||
	    streq(line, "unconfined") || strstr(line, "(unconfined)"))
		return false;
	(void)str_escape(ret_name, MACHINE_PROFILE_MAX, line);
	return true;
}
