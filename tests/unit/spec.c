/* SPDX-License-Identifier: Apache-2.0 */
/* spec.c: the values of options: what they put into the plan, and what they are refused with.
 */
#include "cli/spec.h"
#include "tap.h"
#include "util/fail.h"
#include "util/io.h"
#include "util/path.h"
#include "util/scope.h"
#include "util/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

typedef int spec(struct plan *p, const char *value);

/* ---- what they share -------------------------------------------------------------------- */

struct wrong {
	spec *read;
	const char *value;
	int r;
	const char *why; /* part of the sentence */
};

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* The plan is as empty as before: the next option is not to see half of this one. */
static bool is_empty(const struct plan *p)
{
	return p->n_mounts + p->n_limits + p->env.n == 0 && !p->workdir && !p->hostname &&
	       !p->name && !p->seccomp && !p->new_privs;
}

static void check_wrong(const struct wrong *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char shown[64];
		struct plan p;

		plan_init(&p);
		fail_forget();
		str_escape(shown, sizeof(shown), rows[i].value);
		if (!check_that(rows[i].read(&p, rows[i].value) == rows[i].r &&
					strstr(fail_text(), rows[i].why) != NULL,
				"'%s' is refused", shown))
			printf("# want %d '%s'\n# with '%s'\n", rows[i].r, rows[i].why,
			       fail_text());
		check_that(is_printable(fail_text()) && *fail_hint_text() && is_empty(&p),
			   "with a clean sentence, a hint, and nothing in the plan");
		plan_done(&p);
	}
}

/* The only mount in P as "SOURCE TARGET ATTRS [OPTIONS]". */
static const char *mount_shown(struct plan *p)
{
	const struct plan_mount *m = &p->mounts[0];

	if (p->n_mounts != 1)
		return arena_printf(&p->arena, "%zu mounts", p->n_mounts);
	return arena_printf(&p->arena, "%s %s %s%s%s%s%s%s", m->source, m->target,
			    m->attrs & SYS_ATTR_RDONLY ? "r" : "w",
			    m->attrs & SYS_ATTR_NOSUID ? "" : "s",
			    m->attrs & SYS_ATTR_NODEV ? "" : "d",
			    m->attrs & SYS_ATTR_NOEXEC ? "" : "x", m->options ? " " : "",
			    m->options ? m->options : "");
}

struct right {
	spec *read;
	const char *value, *mount;
};

static void check_mounts(const struct right *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct plan p;

		plan_init(&p);
		if (check_that(rows[i].read(&p, rows[i].value) == 0, "'%s' is taken",
			       rows[i].value))
			check_str(mount_shown(&p), rows[i].mount);
		else
			printf("# %s\n", fail_text());
		plan_done(&p);
	}
}

/* ---- mounts ----------------------------------------------------------------------------- */

static void test_binds(const char *here)
{
	SCOPE_END(arena_done) struct arena a = {0};
	const struct right rows[] = {
		{spec_volume, "./dir:/in", "./dir /in wx"},
		{spec_volume, "./dir/../dir:/in//x/../y/", "./dir/../dir /in/y wx"},
		{spec_volume, "..:/in:ro", ".. /in rx"},
		{spec_volume, ".:/in:ro,noexec,nosuid,nodev,rbind,rprivate", ". /in r"},
		{spec_volume, "./dir:/in:rw,exec,suid,dev", "./dir /in wsdx"},
		{spec_volume, "./dir:/in:z", "./dir /in wx"},
		{spec_volume, "./dir:/in:private,Z,cached,nocopy", "./dir /in wx"},
		{spec_bind, "dir:/in:ro", "dir /in rx"},
		{spec_mount, "type=bind,src=./dir,dst=/in", "./dir /in wx"},
		{spec_mount, "dst=/in,readonly,source=./dir,type=bind", "./dir /in rx"},
		{spec_mount, "type=bind,src=./dir,target=/in,ro=true,noexec", "./dir /in r"},
		{spec_mount, "type=bind,src=./dir,destination=/in,readonly=false",
		 "./dir /in wx"},
		{spec_mount,
		 "type=bind,src=./dir,dst=/in,bind-propagation=rprivate,relabel=shared",
		 "./dir /in wx"},
		{spec_mount, "type=bind,\"src=./a,b:\"\"c\",dst=/in:x", "./a,b:\"c /in:x wx"},
		{spec_mount, "\"type=bind\",src=./dir,\"dst=/in\"", "./dir /in wx"},
		{spec_mount, "type=bind,\"src=./new\nline\",dst=/in", "./new\\x0aline /in wx"},
	};
	struct plan p;

	check_mounts(rows, ARRAY_SIZE(rows));
	plan_init(&p);
	check_int(spec_bind(&p, "dir"), 0);
	check_str(p.mounts[0].target, arena_printf(&a, "%s/dir", here));
	check(p.mounts[0].source_is_folder);
	plan_done(&p);
}

static void test_tmpfs(void)
{
	static const struct right rows[] = {
		{spec_tmpfs, "/t", "tmpfs /t wx mode=1777"},
		{spec_tmpfs, "/t:ro,noexec", "tmpfs /t r mode=1777"},
		{spec_tmpfs, "/t:exec,suid,rw", "tmpfs /t wsx mode=1777"},
		{spec_tmpfs, "/t/.././u/:size=64m,mode=700",
		 "tmpfs /u wx mode=0700,size=67108864"},
		{spec_tmpfs, "/t:size=50%", "tmpfs /t wx mode=1777,size=50%"},
		{spec_tmpfs, "/t:uid=5,gid=6,nr_inodes=1k,notmpcopyup,mode=01777",
		 "tmpfs /t wx mode=1777,nr_inodes=1024,uid=5,gid=6"},
		{spec_mount, "type=tmpfs,dst=/t", "tmpfs /t wx mode=1777"},
		{spec_mount, "tmpfs-size=1g,tmpfs-mode=0755,type=tmpfs,dst=/t,ro",
		 "tmpfs /t rx mode=0755,size=1073741824"},
	};

	check_mounts(rows, ARRAY_SIZE(rows));
}

static void test_wrong_binds(void)
{
	static const struct wrong rows[] = {
		{spec_volume, "", -ENOTSUP, "without a name"},
		{spec_volume, "/x", -ENOTSUP, "without a name"},
		{spec_volume, ":", -EINVAL, "no source"},
		{spec_volume, ":/in", -EINVAL, "no source"},
		{spec_volume, "./dir:", -EINVAL, "no place inside"},
		{spec_volume, "./dir:in", -EINVAL, "does not begin with '/'"},
		{spec_volume, "dir:/in", -ENOTSUP, "'dir' would be a named volume"},
		{spec_volume, ".hidden:/in", -ENOTSUP, "named volume"},
		{spec_volume, "~/x:/in", -EINVAL, "by the shell"},
		{spec_volume, "./dir:/", -EINVAL, "'/'"},
		{spec_volume, "./dir:/../..", -EINVAL, "'/'"},
		{spec_volume, "./a:b:/in:ro", -EINVAL, "more than two colons"},
		{spec_volume, "./dir:/in:", -EINVAL, "no option ''"},
		{spec_volume, "./dir:/in:ro,", -EINVAL, "no option ''"},
		{spec_volume, "./dir:/in:ro,rw", -EINVAL, "the contrary"},
		{spec_volume, "./dir:/in:exec,noexec", -EINVAL, "the contrary"},
		{spec_volume, "./dir:/in:RO", -EINVAL, "no option 'RO'"},
		{spec_volume, "./dir:/in:size=5", -EINVAL, "no option 'size'"},
		{spec_volume, "./dir:/in:z=1", -EINVAL, "takes no value"},
		{spec_volume, "./dir:/in:src=/", -EINVAL, "no option 'src'"},
		{spec_volume, "./dir:/in:U", -ENOTSUP, "not supported yet"},
		{spec_volume, "./dir:/in:O", -ENOTSUP, "overlay volumes"},
		{spec_volume, "./dir:/in:rshared", -ENOTSUP, "mounts don't spread"},
		{spec_volume, "./dir:/in:bind", -ENOTSUP, "comes along"},
		{spec_volume, "./dir:/in:idmap", -ENOTSUP, "no kernel"},
		{spec_volume, "./nosuch:/in", -ENOENT, "No such file"},
		{spec_volume, "./dir:/in:\033[2J\n", -EINVAL, "\\x1b[2J\\x0a"},
		{spec_bind, "", -EINVAL, "no source"},
		{spec_bind, "nosuch", -ENOENT, "No such file"},
		{spec_bind, "dir:in", -EINVAL, "does not begin with '/'"},
	};

	check_wrong(rows, ARRAY_SIZE(rows));
}

static void test_wrong_tmpfs(void)
{
	static const struct wrong rows[] = {
		{spec_tmpfs, "", -EINVAL, "no place inside"},
		{spec_tmpfs, "t", -EINVAL, "does not begin with '/'"},
		{spec_tmpfs, "/", -EINVAL, "'/'"},
		{spec_tmpfs, "/t:", -EINVAL, "no option ''"},
		{spec_tmpfs, "/t:size", -EINVAL, "needs a value"},
		{spec_tmpfs, "/t:size=", -EINVAL, "a size is"},
		{spec_tmpfs, "/t:size=-1", -EINVAL, "a size is"},
		{spec_tmpfs, "/t:size=101%", -EINVAL, "a size is"},
		{spec_tmpfs, "/t:size=1:2", -EINVAL, "a size is"},
		{spec_tmpfs, "/t:size=1,size=2", -EINVAL, "given twice"},
		{spec_tmpfs, "/t:mode=8", -EINVAL, "octal"},
		{spec_tmpfs, "/t:mode=17777", -EINVAL, "octal"},
		{spec_tmpfs, "/t:uid=4294967295", -EINVAL, "an id"},
		{spec_tmpfs, "/t:tmpcopyup", -ENOTSUP, "starts empty"},
		{spec_tmpfs, "/t:dev", -ENOTSUP, "device files"},
		{spec_tmpfs, "/t:lowerdir=/", -EINVAL, "no option 'lowerdir'"},
	};

	check_wrong(rows, ARRAY_SIZE(rows));
}

static void test_wrong_mounts(void)
{
	static const struct wrong rows[] = {
		{spec_mount, "", -ENOTSUP, "there are no volumes"},
		{spec_mount, "type=volume,src=x,dst=/in", -ENOTSUP, "there are no volumes"},
		{spec_mount, "src=./dir,dst=/in", -ENOTSUP, "without a type"},
		{spec_mount, "type=image,src=x,dst=/in", -ENOTSUP, "not 'image'"},
		{spec_mount, "type=bind,type=tmpfs,dst=/in", -EINVAL, "given twice"},
		{spec_mount, "type=bind,src=./dir,src=./dir,dst=/in", -EINVAL, "given twice"},
		{spec_mount, "type=bind,dst=/in", -EINVAL, "no source"},
		{spec_mount, "type=bind,src=./dir", -EINVAL, "no place inside"},
		{spec_mount, "type=bind,src=dir,dst=/in", -ENOTSUP, "named volume"},
		{spec_mount, "type=bind,src=./dir,dst=/in,ro=maybe", -EINVAL, "not 'maybe'"},
		{spec_mount, "type=bind,src=./dir,dst=/in,bind-propagation=shared", -ENOTSUP,
		 "spread"},
		{spec_mount, "type=bind,src=./dir,dst=/in,bind-recursive=disabled", -ENOTSUP,
		 "along"},
		{spec_mount, "type=bind,src=./dir,dst=/in,", -EINVAL, "no option ''"},
		{spec_mount, "type=bind,src=./dir,dst=/in,unknown=1", -EINVAL, "'unknown'"},
		{spec_mount, "type=bind,src=./a\"b,dst=/in", -EINVAL, "has to be in quotes"},
		{spec_mount, "type=bind,src=./a\nb,dst=/in", -EINVAL, "has to be in quotes"},
		{spec_mount, "type=bind,\"src=./dir,dst=/in", -EINVAL, "not closed"},
		{spec_mount, "type=bind,\"src=./dir\"x,dst=/in", -EINVAL,
		 "has to be in quotes"},
		{spec_mount, "type=tmpfs,src=./dir,dst=/t", -EINVAL, "no option 'src'"},
	};

	check_wrong(rows, ARRAY_SIZE(rows));
}

/* In a child with a mount of its own on ./dir: how many of ROWS aren't refused, as its exit
 * status. */
static int refused_by_mount(const struct wrong *rows, size_t n)
{
	int wrong = 0;
	struct plan p;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    mount("none", "dir", "tmpfs", MS_RDONLY | MS_NOEXEC | MS_NOSUID | MS_NODEV, NULL) <
		    0)
		return 77;
	for (size_t i = 0; i < n; i++) {
		plan_init(&p);
		wrong += rows[i].read(&p, rows[i].value) != rows[i].r ||
			 !strstr(fail_text(), rows[i].why) || !*fail_hint_text();
		plan_done(&p);
	}
	/* What isn't asked for is simply not there. */
	plan_init(&p);
	wrong += spec_volume(&p, "./dir:/in") != 0 ||
		 spec_volume(&p, "./dir:/in:ro,noexec") != 0;
	plan_done(&p);
	return wrong;
}

/* What the host's mount forbids can't be asked for. */
static void test_host_attributes(void)
{
	static const struct wrong rows[] = {
		{spec_volume, "./dir:/in:exec", -EPERM, "the host has it mounted noexec"},
		{spec_volume, "./dir:/in:rw", -EPERM, "mounted read-only"},
		{spec_mount, "type=bind,src=./dir,dst=/in,suid", -EPERM, "mounted nosuid"},
		{spec_bind, "dir:/in:dev", -EPERM, "mounted nodev"},
	};
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(refused_by_mount(rows, ARRAY_SIZE(rows)));
	check(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		tap_skip("attributes of the host's mounts", "nothing can be mounted here");
	else
		check_int(WEXITSTATUS(status), 0);
}

static void test_devices(const char *folder)
{
	static const struct right rows[] = {
		{spec_device, "/dev/null", "/dev/null /dev/null wd"},
		{spec_device, "/dev/null:rw", "/dev/null /dev/null wd"},
		{spec_device, "/dev/null:/dev/other", "/dev/null /dev/other wd"},
		{spec_device, "/dev/null:/dev/other:wr", "/dev/null /dev/other wd"},
		{spec_device, "/dev/null:rwm", "/dev/null /dev/null wd"},
	};
	const struct wrong wrong[] = {
		{spec_device, "", -EINVAL, "begins with '/'"},
		{spec_device, "dev/null", -EINVAL, "begins with '/'"},
		{spec_device, "vendor.com/class=name", -EINVAL, "begins with '/'"},
		{spec_device, "/dev/null:null", -EINVAL, "begins with '/'"},
		{spec_device, "/dev/null:/dev/x:rx", -EINVAL, "r, w and m"},
		{spec_device, "/dev/null:/dev/x:rr", -EINVAL, "r, w and m"},
		{spec_device, "/dev/null:/dev/x:rwm:r", -EINVAL, "r, w and m"},
		{spec_device, "/dev/null:r", -ENOTSUP, "could be written inside"},
		{spec_device, "/dev/null:w", -ENOTSUP, "could be read inside"},
		{spec_device, "/dev/nosuch", -ENOENT, "No such file"},
		{spec_device, "/etc/passwd", -ENOTBLK, "not a device file"},
		{spec_device, folder, -ENODEV, "no device file in the folder"},
	};
	struct plan p;

	check_mounts(rows, ARRAY_SIZE(rows));
	check_wrong(wrong, ARRAY_SIZE(wrong));

	plan_init(&p);
	check_int(spec_device(&p, "/dev/null:rwm"), 0);
	check(p.notes.n == 1 && strstr(p.notes.v[0], "'m' is left out"));
	check(!(p.mounts[0].attrs & SYS_ATTR_NODEV));
	plan_done(&p);
}

/* A folder is all the devices in it, its folders too, and nothing else that is there. */
static void test_device_folder(void)
{
	bool has_null = false;
	struct plan p;

	plan_init(&p);
	if (access("/dev/pts/ptmx", F_OK) < 0) {
		tap_skip("a folder of devices", "there is no /dev/pts");
	} else {
		check_int(spec_device(&p, "/dev/pts:/dev/others"), 0);
		for (size_t i = 0; i < p.n_mounts; i++)
			has_null |= streq(p.mounts[i].target, "/dev/others/ptmx");
		check(has_null);
	}
	plan_done(&p);
}

/* ---- environment ------------------------------------------------------------------------ */

static const char *env_shown(struct plan *p)
{
	const char *all = "";

	for (size_t i = 0; i < p->env.n; i++)
		all = arena_printf(&p->arena, "%s%s|", all, p->env.v[i]);
	return all;
}

static void test_env(void)
{
	static const char *const caller[] = {
		"ALPHA=1", "BETA=two=2", "BET=3", "HOME=/home/dev", "PATH=/bin",
		"_=/x",	   "PWD=/y",	 "=odd",  "nothing",	    NULL};
	char **own = environ;
	struct plan p;

	environ = (char **)caller;
	plan_init(&p);
	check_int(spec_env(&p, "A=b=c"), 0);
	check_int(spec_env(&p, "EMPTY="), 0);
	check_int(spec_env(&p, "ALPHA"), 0);
	check_int(spec_env(&p, "NOSUCH"), 0);
	check_int(spec_env(&p, "BET*"), 0);
	check_int(spec_env(&p, "A=new\nline"), 0);
	check_int(spec_env(&p, "STAR=*"), 0);
	check_str(env_shown(&p), "A=new\nline|EMPTY=|ALPHA=1|BETA=two=2|BET=3|STAR=*|");
	plan_done(&p);

	check_int(spec_env_host(&p), 0);
	check_int(spec_env(&p, "ALPHA=mine"), 0);
	check_str(env_shown(&p), "ALPHA=mine|BETA=two=2|BET=3|PATH=/bin|");
	plan_done(&p);
	environ = own;
}

static void file_make(const char *name, const void *data, size_t len)
{
	autoclose int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0 || io_write_all(fd, data, len) < 0)
		check_that(false, "make the file '%s'", name);
}

static void test_env_file(void)
{
	static const char text[] = "# a comment\n"
				   "  # another\n"
				   "\n"
				   "A=1\r\n"
				   "  B=\"two words\" # no comment\n"
				   "ALPHA\n"
				   "NOSUCH\n"
				   "EMPTY=\n"
				   "A=2\n"
				   "C= x ";
	static const char *const caller[] = {"ALPHA=passed", NULL};
	char **own = environ;
	struct plan p;

	environ = (char **)caller;
	plan_init(&p);
	file_make("env", text, sizeof(text) - 1);
	check_int(spec_env_file(&p, "env"), 0);
	check_str(env_shown(&p), "A=2|B=\"two words\" # no comment|ALPHA=passed|EMPTY=|C= x |");
	plan_done(&p);
	file_make("env", "", 0);
	check_int(spec_env_file(&p, "env"), 0);
	check_int((long long)p.env.n, 0);
	plan_done(&p);
	environ = own;
}

/* As <(COMMAND) is: what the pipe holds, up to its end. */
static void test_env_pipe(void)
{
	static const char text[] = "A=1\nB=2\n";
	struct plan p;
	char path[32];
	int ends[2];

	check_int(pipe(ends), 0);
	check_int(io_write_all(ends[1], text, sizeof(text) - 1), 0);
	(void)fd_close(ends[1]);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	plan_init(&p);
	check_int(spec_env_file(&p, path), 0);
	check_str(env_shown(&p), "A=1|B=2|");
	plan_done(&p);
	(void)fd_close(ends[0]);
}

static void check_env_file(const void *data, size_t len, int r, const char *why)
{
	struct wrong row = {spec_env_file, "env", r, why};

	file_make("env", data, len);
	check_wrong(&row, 1);
}

static void test_wrong_env(void)
{
	enum { LONG = 1 << 17, FILE_MAX = 1 << 20 };
	static char big[FILE_MAX + 1];
	static const struct wrong rows[] = {
		{spec_env, "", -EINVAL, "has a name"},
		{spec_env, "=", -EINVAL, "has a name"},
		{spec_env, "=x", -EINVAL, "has a name"},
		{spec_env_file, "nosuch", -ENOENT, "No such file"},
		{spec_env_file, "dir", -EINVAL, "neither a regular file nor a pipe"},
		{spec_env_file, "/dev/zero", -EINVAL, "neither a regular file nor a pipe"},
		{spec_env_file, "", -ENOENT, "No such file"},
	};
	struct wrong row = {spec_env, big, -E2BIG, "128 KiB"};
	struct plan p;

	check_wrong(rows, ARRAY_SIZE(rows));
	check_env_file("\n=x\n", 4, -EINVAL, "line 2: a variable has a name");
	check_env_file("#\n#\nA B=x\n", 10, -EINVAL, "line 3: there is white space");
	check_env_file("A=1\0B=2\n", 8, -EINVAL, "line 1: there is a NUL byte");

	memset(big, 'x', sizeof(big));
	big[1] = '=';
	big[LONG - 1] = '\0';
	plan_init(&p);
	check_int(spec_env(&p, big), 0);
	plan_done(&p);
	big[LONG - 1] = 'x';
	big[LONG] = '\0';
	check_wrong(&row, 1);
	check_env_file(big, LONG, -E2BIG, "line 1: the kernel takes no variable");
	big[LONG] = 'x';
	check_env_file(big, FILE_MAX + 1, -EFBIG, "larger than");
}

/* ---- limits, security, names ------------------------------------------------------------ */

static void check_ulimits_refused(void)
{
	static const struct wrong rows[] = {
		{spec_ulimit, "", -EINVAL, "no limit of that name"},
		{spec_ulimit, "nofile", -EINVAL, "no limit in it"},
		{spec_ulimit, "nofile=", -EINVAL, "a limit is a number"},
		{spec_ulimit, "nofile=:5", -EINVAL, "a limit is a number"},
		{spec_ulimit, "nofile=5:", -EINVAL, "a limit is a number"},
		{spec_ulimit, "nofile=1:2:3", -EINVAL, "a limit is a number"},
		{spec_ulimit, "nofile=-2", -EINVAL, "a limit is a number"},
		{spec_ulimit, "nofile=18446744073709551615", -EINVAL, "a limit is a number"},
		{spec_ulimit, "nofile=1k", -EINVAL, "a limit is a number"},
		{spec_ulimit, "nofile=6:5", -EINVAL, "above the hard one"},
		{spec_ulimit, "nofile=-1:5", -EINVAL, "above the hard one"},
		{spec_ulimit, "nofile=10:501", -EPERM, "own hard limit is 500"},
		{spec_ulimit, "nofile=-1", -EPERM, "own hard limit is 500"},
		{spec_ulimit, "nofile<5", -EINVAL, "no limit in it"},
		{spec_ulimit, "nofile<", -EINVAL, "no limit in it"},
		{spec_ulimit, "nofile<=", -EINVAL, "a limit is a number"},
		{spec_ulimit, "nofile<=x", -EINVAL, "a limit is a number"},
		{spec_ulimit, "<=5", -EINVAL, "no limit of that name"},
		{spec_ulimit, "nofiles=5", -EINVAL, "no limit of that name"},
		{spec_ulimit, "NOFILE=5", -EINVAL, "no limit of that name"},
		{spec_ulimit, "hosts", -EINVAL, "no limit of that name"},
	};

	check_wrong(rows, ARRAY_SIZE(rows));
}

static void check_ulimits_taken(void)
{
	static const char *const names[] = {"as",     "core",	"cpu",	      "data",
					    "fsize",  "locks",	"memlock",    "msgqueue",
					    "nice",   "nproc",	"nofile",     "rss",
					    "rtprio", "rttime", "sigpending", "stack"};
	struct plan p;

	plan_init(&p);
	check_int(spec_ulimit(&p, "nofile=20:30"), 0);
	check(p.n_limits == 1 && p.limits[0].resource == RLIMIT_NOFILE &&
	      p.limits[0].limit.rlim_cur == 20 && p.limits[0].limit.rlim_max == 30);
	check_int(spec_ulimit(&p, "nofile=500"), 0);
	check(p.n_limits == 1 && p.limits[0].limit.rlim_cur == 500 &&
	      p.limits[0].limit.rlim_max == 500);
	check_int(spec_ulimit(&p, "nofile<=450:501"), 0);
	check(p.limits[0].limit.rlim_cur == 450 && p.limits[0].limit.rlim_max == 500);
	check_int(spec_ulimit(&p, "nofile<=-1"), 0);
	check(p.limits[0].limit.rlim_cur == 500 && p.limits[0].limit.rlim_max == 500);
	check_int(spec_ulimit(&p, "nofile<=5"), 0);
	check(p.limits[0].limit.rlim_cur == 5 && p.limits[0].limit.rlim_max == 5);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		check_int(spec_ulimit(&p, arena_printf(&p.arena, "%s=0", names[i])), 0);
	check_int((long long)p.n_limits, RLIM_NLIMITS);
	plan_done(&p);
}

static void check_ulimits_of_host(void)
{
	struct plan p;

	plan_init(&p);
	check_int(spec_ulimit(&p, "host"), 0);
	check_int((long long)p.n_limits, RLIM_NLIMITS);
	for (size_t i = 0; i < p.n_limits; i++)
		if (p.limits[i].resource == RLIMIT_NOFILE)
			check(p.limits[i].limit.rlim_cur == 400 &&
			      p.limits[i].limit.rlim_max == 500);
	plan_done(&p);
}

static void test_ulimits(void)
{
	const struct rlimit own = {400, 500};

	check_int(setrlimit(RLIMIT_NOFILE, &own), 0);
	check_ulimits_refused();
	check_ulimits_taken();
	check_ulimits_of_host();
}

static void test_security(void)
{
	static const struct wrong rows[] = {
		{spec_security_opt, "", -EINVAL, "no such security option"},
		{spec_security_opt, "seccomp", -EINVAL, "has a name"},
		{spec_security_opt, "seccomp=", -EINVAL, "has a name"},
		{spec_security_opt, "Seccomp=unconfined", -EINVAL, "no such"},
		{spec_security_opt, "no-new-privileges=maybe", -EINVAL, "not 'maybe'"},
		{spec_security_opt, "label=type:spc_t", -ENOTSUP, "SELinux labels"},
		{spec_security_opt, "label", -ENOTSUP, "SELinux labels"},
		{spec_security_opt, "apparmor=docker-default", -ENOTSUP, "AppArmor"},
		{spec_security_opt, "mask=/proc/x", -ENOTSUP, "hidden"},
		{spec_security_opt, "unmask=ALL", -ENOTSUP, "stay"},
		{spec_security_opt, "systempaths=unconfined", -ENOTSUP, "stay"},
		{spec_security_opt, "proc-opts=hidepid=2", -ENOTSUP, "options of /proc"},
	};
	struct plan p;

	check_wrong(rows, ARRAY_SIZE(rows));
	plan_init(&p);
	check(spec_security_opt(&p, "seccomp=unconfined") == 0 &&
	      streq(p.seccomp, "unconfined"));
	check(spec_security_opt(&p, "seccomp=/a:b=c.json") == 0 &&
	      streq(p.seccomp, "/a:b=c.json"));
	check(spec_security_opt(&p, "seccomp:unconfined") == 0 &&
	      streq(p.seccomp, "unconfined"));
	check(spec_security_opt(&p, "seccomp=builtin") == 0 && !p.seccomp);
	check(spec_security_opt(&p, "no-new-privileges=false") == 0 && p.new_privs);
	check(spec_security_opt(&p, "no-new-privileges") == 0 && !p.new_privs);
	check(spec_security_opt(&p, "no-new-privileges:false") == 0 && p.new_privs);
	check(spec_security_opt(&p, "no-new-privileges:true") == 0 && !p.new_privs);
	check(spec_security_opt(&p, "label=disable") == 0);
	check(spec_security_opt(&p, "label:disable") == 0);
	check(spec_security_opt(&p, "apparmor=unconfined") == 0);
	plan_done(&p);
}

static void test_names(const char *folder)
{
	static const char too_long[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static const struct wrong rows[] = {
		{spec_workdir, "", -ENOENT, "find it here"},
		{spec_workdir, "work", -ENOENT, "find it here"},
		{spec_hostname, "", -EINVAL, "not a host name"},
		{spec_hostname, "-a", -EINVAL, "not a host name"},
		{spec_hostname, ".a", -EINVAL, "not a host name"},
		{spec_hostname, "a_b", -EINVAL, "not a host name"},
		{spec_hostname, "a\nb", -EINVAL, "'a\\x0ab': it is not a host name"},
		{spec_hostname, "h\303\244", -EINVAL, "not a host name"},
		{spec_hostname, too_long, -EINVAL, "not a host name"},
		{spec_name, "", -EINVAL, "not a name"},
		{spec_name, "..", -EINVAL, "not a name"},
		{spec_name, "_a", -EINVAL, "not a name"},
		{spec_name, "a/b", -EINVAL, "not a name"},
		{spec_name, "-rf", -EINVAL, "not a name"},
		{spec_name, too_long, -EINVAL, "not a name"},
	};
	struct plan p;

	check_wrong(rows, ARRAY_SIZE(rows));
	plan_init(&p);
	check_int(spec_workdir(&p, "/a//b/../c/."), 0);
	check_str(p.workdir, "/a/c");
	/* What is here has the path inside that it has outside. */
	check_int(spec_workdir(&p, "."), 0);
	check_str(p.workdir, folder);
	check_int(spec_workdir(&p, "dir/.."), 0);
	check_str(p.workdir, folder);
	check_int(spec_workdir(&p, "./dir"), 0);
	check_str(p.workdir, arena_printf(&p.arena, "%s/dir", folder));
	check(spec_hostname(&p, "Box-1.example.") == 0 && streq(p.hostname, "Box-1.example."));
	check(spec_name(&p, "My_box-1.x") == 0 && streq(p.name, "My_box-1.x"));
	check(spec_hostname(&p, too_long + 1) == 0 && spec_name(&p, too_long + 1) == 0);
	plan_done(&p);
}

/* ---- anything at all -------------------------------------------------------------------- */

static spec *const all_specs[] = {spec_volume,	     spec_bind,	   spec_mount,	  spec_tmpfs,
				  spec_device,	     spec_env,	   spec_env_file, spec_ulimit,
				  spec_security_opt, spec_workdir, spec_hostname, spec_name};

static void test_too_much(void)
{
	enum { LONG = 65536 };
	static const char bytes[] = "x/:,=\"\n";
	char *value = malloc(LONG + 1);
	int wrong = 0;

	value[LONG] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(all_specs) * (sizeof(bytes) - 1); i++) {
		struct plan p;
		int r;

		memset(value, bytes[i % (sizeof(bytes) - 1)], LONG);
		plan_init(&p);
		r = all_specs[i / (sizeof(bytes) - 1)](&p, value);
		wrong += r < 0 ? !*fail_text() || !*fail_hint_text() ||
					 !is_printable(fail_text())
			       : 0;
		/* A variable may be as long as that, and a path may be many slashes. */
		wrong += r == 0 && all_specs[i / (sizeof(bytes) - 1)] != spec_env;
		plan_done(&p);
	}
	check_int(wrong, 0);
	free(value);
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* A right value with some bytes and pieces of others in the wrong places. */
static void value_mangle(char *value, size_t size, uint32_t *state)
{
	static const char *const seeds[] = {"./dir:/in:ro,noexec,z",
					    "type=bind,\"src=./a,b\"\"c\",dst=/in,ro=true",
					    "type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1777",
					    "/t:size=50%,mode=700,uid=5",
					    "/dev/null:/dev/x:rwm",
					    "NAME=value",
					    "ALPHA*",
					    "nofile=10:20",
					    "core=-1",
					    "seccomp:unconfined",
					    "no-new-privileges=false",
					    "/work/../x",
					    "host-1.example",
					    "name_1.x",
					    "dir",
					    "env"};
	static const char bytes[] = ":,=\"/.%-*~\n\033\377 0a";
	const char *seed = seeds[next_random(state) % ARRAY_SIZE(seeds)];
	size_t len = (size_t)snprintf(value, size, "%s", seed);

	for (unsigned i = next_random(state) % 6; i > 0 && len > 0; i--) {
		size_t at = next_random(state) % len;

		switch (next_random(state) % 4) {
		case 0:
			value[at] = '\0';
			break;
		case 1:
			memmove(value + at, value + at + 1, strlen(value + at));
			break;
		case 2:
			seed = seeds[next_random(state) % ARRAY_SIZE(seeds)];
			(void)snprintf(value + at, size - at, "%s", seed);
			break;
		default:
			value[at] = bytes[next_random(state) % (sizeof(bytes) - 1)];
		}
		len = strlen(value);
	}
}

static void test_anything(void)
{
	uint32_t state = 2463534242U;
	int wrong = 0, taken = 0;

	for (int i = 0; i < 30000; i++) {
		spec *read = all_specs[next_random(&state) % ARRAY_SIZE(all_specs)];
		char *value = malloc(128);
		struct plan p;
		int r;

		value_mangle(value, 128, &state);
		plan_init(&p);
		fail_forget();
		r = read(&p, value);
		wrong += r > 0 || (r < 0 && (!is_printable(fail_text()) || !*fail_text() ||
					     !*fail_hint_text()));
		if (r < 0 && !is_printable(fail_text()))
			printf("# %s\n", fail_text());
		taken += r == 0;
		plan_done(&p);
		free(value);
	}
	check_int(wrong, 0);
	check(taken > 1000);
}

/* Everything is closed that a plan had opened. */
static int descriptors_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 400; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int main(void)
{
	char folder[] = "/tmp/spec-XXXXXX";
	int before;

	if (!mkdtemp(folder) || chdir(folder) < 0)
		return 1;
	(void)mkdir("dir", 0755);
	(void)mkdir("a,b:\"c", 0755);
	(void)mkdir("new\nline", 0755);
	before = descriptors_open();

	test_binds(folder);
	test_tmpfs();
	test_wrong_binds();
	test_wrong_tmpfs();
	test_wrong_mounts();
	test_host_attributes();
	test_devices(folder);
	test_device_folder();
	test_env();
	test_env_file();
	test_env_pipe();
	test_wrong_env();
	test_ulimits();
	test_security();
	test_names(folder);
	test_too_much();
	test_anything();
	check_int(descriptors_open(), before);

	(void)chdir("/");
	(void)path_remove_tree(AT_FDCWD, folder);
	return tap_done();
}
