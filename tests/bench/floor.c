/* SPDX-License-Identifier: Apache-2.0 */
/* floor.c: the smallest program that does what `sbx enter` must do, to be measured against. */

/*
 * floor [-s] [-o] [-n RUNS] TREE COMMAND ARG...
 *
 * Runs COMMAND in TREE with the namespaces (user, mount, pid, net, ipc, uts, cgroup, time), the
 * mounts and the restrictions of a sandbox, and nothing else: no options to parse, no checks,
 * no messages worth reading, no pid 1 of its own. What a launcher takes on top of it is its
 * own.
 *
 *   -s       the caller's subordinate ids, by newuidmap and newgidmap at the same time; else
 * one id -o       an overlay with an upper folder of its own; else the tree is bound -n RUNS
 * runs it so often in this process and prints what each step takes, in microseconds: name,
 * median
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum step {
	STEP_START,
	STEP_CLONED,
	STEP_MAPPED,
	STEP_NAMESPACES,
	STEP_ROOT,
	STEP_MOUNTS,
	STEP_PIVOT,
	STEP_PRIVILEGES,
	STEP_ENDED,
	STEP_COUNT
};

/* What passes between the step before and this one. */
static const char *const step_names[STEP_COUNT] = {
	"",
	"clone",
	"id maps and gate",
	"net, ipc, uts, cgroup",
	"root",
	"proc, sys, dev, run, tmp",
	"pivot_root",
	"loopback, caps, seccomp",
	"exec, exit, teardown",
};

struct floor {
	bool subids, overlay;
	const char *tree;
	char **command;
	char base[32], mount_point[48], options[512];
	double *times; /* shared with the child */
};

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static void must(int r, const char *what)
{
	if (r < 0)
		die(what);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void mark(const struct floor *f, enum step step)
{
	f->times[step] = now_us();
}

/* ---- inside ------------------------------------------------------------------------------ */

static void mount_dev(void)
{
	static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};

	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k"), "/dev");
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		char from[32], to[32];

		snprintf(from, sizeof(from), "/dev/%s", nodes[i]);
		snprintf(to, sizeof(to), "dev/%s", nodes[i]);
		close(open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
		must(mount(from, to, NULL, MS_BIND, NULL), from);
	}
	must(mkdir("dev/pts", 0755) | mkdir("dev/shm", 0755) | mkdir("dev/mqueue", 0755),
	     "mkdir");
	must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		   "newinstance,ptmxmode=0666,mode=620"),
	     "/dev/pts");
	must(symlink("pts/ptmx", "dev/ptmx"), "/dev/ptmx");
	must(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"), "/dev/shm");
	must(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL),
	     "/dev/mqueue");
}

/* The files of its own and the masks that sbx has; what the tree or the kernel lacks is passed
 * over. */
static void mount_small(void)
{
	static const char *const files[] = {"etc/hostname", "etc/hosts", "etc/resolv.conf"};
	static const char *const masks[] = {"proc/keys", "proc/key-users"};
	static const char *const folders[] = {"proc/acpi", "sys/firmware", "sys/dev/block"};
	const unsigned long quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open("dev/.file", O_CREAT | O_RDWR | O_CLOEXEC, 0644);

		must((int)write(fd, "floor\n", 6), "dev/.file");
		close(fd);
		if (access(files[i], F_OK) == 0)
			must(mount("dev/.file", files[i], NULL, MS_BIND, NULL), files[i]);
		must(unlink("dev/.file"), "dev/.file");
	}
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		if (access(masks[i], F_OK) == 0)
			must(mount("dev/null", masks[i], NULL, MS_BIND, NULL), masks[i]);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (access(folders[i], F_OK) == 0)
			must(mount("tmpfs", folders[i], "tmpfs", quiet | MS_RDONLY, "mode=555"),
			     folders[i]);
	must(mount("proc/sys", "proc/sys", NULL, MS_BIND, NULL), "/proc/sys");
	must(mount(NULL, "proc/sys", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | quiet, NULL),
	     "/proc/sys");
}

static void mount_all(void)
{
	const unsigned long quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	must(mount("proc", "proc", "proc", quiet, NULL), "/proc");
	must(mount("sysfs", "sys", "sysfs", quiet | MS_RDONLY, NULL), "/sys");
	mount_dev();
	must(mount("tmpfs", "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"), "/run");
	must(mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"), "/tmp");
	mount_small();
}

static void raise_loopback(void)
{
	struct ifreq request = {.ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(fd, "socket");
	memcpy(request.ifr_name, "lo", sizeof("lo"));
	must(ioctl(fd, SIOCSIFFLAGS, &request), "loopback");
	close(fd);
}

/* A program that refuses 60 calls in a row that nothing makes: about what a default filter
 * costs as a tree, to load and for each call. */
static void load_filter(void)
{
	enum { REFUSED = 60 };
	struct sock_filter code[REFUSED + 3];
	struct sock_fprog program = {.filter = code};

	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	for (unsigned i = 0; i < REFUSED; i++)
		code[program.len++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4000 + i,
						     (unsigned char)(REFUSED - i), 0);
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[program.len++] =
		(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	must((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
}

static void drop_privileges(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		must(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), "bounding set");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	load_filter();
}

static void run_inside(const struct floor *f, int gate)
{
	static char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = {path, NULL};
	char byte;

	mark(f, STEP_CLONED);
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	must((int)read(gate, &byte, 1), "gate");
	mark(f, STEP_MAPPED);
	must(unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP), "unshare");
	mark(f, STEP_NAMESPACES);
	if (f->overlay)
		must(mount("overlay", f->mount_point, "overlay", 0, f->options), "overlay");
	else
		must(mount(f->tree, f->tree, NULL, MS_BIND | MS_REC, NULL), "bind");
	must(chdir(f->overlay ? f->mount_point : f->tree), "chdir");
	mark(f, STEP_ROOT);
	mount_all();
	mark(f, STEP_MOUNTS);
	must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
	mark(f, STEP_PIVOT);
	raise_loopback();
	must(sethostname("floor", 5), "host name");
	drop_privileges();
	mark(f, STEP_PRIVILEGES);
	execvpe(f->command[0], f->command, env);
	die(f->command[0]);
}

/* ---- outside ----------------------------------------------------------------------------- */

static void write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd, path);
	must((int)write(fd, text, strlen(text)), path);
	close(fd);
}

static void map_self(pid_t pid)
{
	char map[64];

	write_file(pid, "setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", getuid());
	write_file(pid, "uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", getgid());
	write_file(pid, "gid_map", map);
}

/* The first range of the caller's number or name in /etc/subuid or /etc/subgid. */
static void find_range(const char *file, char first[16], char count[16])
{
	const char *user = getenv("USER");
	char line[256], owner[64], number[16];
	FILE *in = fopen(file, "re");

	if (!in)
		die(file);
	snprintf(number, sizeof(number), "%u", getuid());
	while (fgets(line, sizeof(line), in)) {
		if (sscanf(line, "%63[^:]:%15[0-9]:%15[0-9]", owner, first, count) != 3)
			continue;
		if (strcmp(owner, number) == 0 || (user && strcmp(owner, user) == 0)) {
			fclose(in);
			return;
		}
	}
	errno = ENOENT;
	die(file);
}

static pid_t start_helper(const char *program, pid_t pid, unsigned self, const char *file)
{
	char first[16], count[16], child[16], own[16];
	const char *argv[] = {program, child, "0", own, "1", "1", first, count, NULL};
	char *env[] = {NULL};
	pid_t helper;

	find_range(file, first, count);
	snprintf(child, sizeof(child), "%d", pid);
	snprintf(own, sizeof(own), "%u", self);
	errno = posix_spawn(&helper, program, NULL, NULL, (char **)argv, env);
	must(-errno, program);
	return helper;
}

static void map_subids(pid_t pid)
{
	pid_t uids = start_helper("/usr/bin/newuidmap", pid, getuid(), "/etc/subuid");
	pid_t gids = start_helper("/usr/bin/newgidmap", pid, getgid(), "/etc/subgid");
	int status;

	must(waitpid(uids, &status, 0), "newuidmap");
	if (status == 0)
		must(waitpid(gids, &status, 0), "newgidmap");
	if (status != 0) {
		errno = EPERM;
		die("id maps");
	}
}

/* The overlay's folders, and what it is mounted on. A tree that is bound is bound on itself. */
static void make_folders(struct floor *f)
{
	static const char *const names[] = {"root", "upper", "work"};
	char path[64];

	snprintf(f->base, sizeof(f->base), "/var/tmp/floor.XXXXXX");
	must(mkdtemp(f->base) ? 0 : -1, f->base);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->base, names[i]);
		must(mkdir(path, 0755), path);
	}
	snprintf(f->mount_point, sizeof(f->mount_point), "%s/root", f->base);
	snprintf(f->options, sizeof(f->options),
		 "lowerdir=%s,upperdir=%s/upper,workdir=%s/work,userxattr,volatile", f->tree,
		 f->base, f->base);
}

static void remove_folders(const struct floor *f)
{
	/* The kernel leaves folders without a mode in the work folder: its mark for volatile.
	 */
	static const char *const names[] = {
		"/root",
		"/upper",
		"/work/work/incompat/volatile/dirty",
		"/work/work/incompat/volatile",
		"/work/work/incompat",
		"/work/work",
		"/work",
		"",
	};
	const size_t n = sizeof(names) / sizeof(names[0]);
	char path[96];

	for (size_t i = n; i-- > 0;) {
		snprintf(path, sizeof(path), "%s%s", f->base, names[i]);
		(void)chmod(path, 0700);
	}
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s%s", f->base, names[i]);
		(void)remove(path);
	}
}

static int run_once(struct floor *f)
{
	struct clone_args how = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWTIME,
		.exit_signal = SIGCHLD,
	};
	int gate[2], status;
	pid_t pid;

	must(pipe2(gate, O_CLOEXEC), "pipe");
	mark(f, STEP_START);
	if (f->overlay)
		make_folders(f);
	pid = (pid_t)syscall(SYS_clone3, &how, sizeof(how));
	must(pid, "clone3");
	if (pid == 0)
		run_inside(f, gate[0]);
	if (f->subids)
		map_subids(pid);
	else
		map_self(pid);
	must((int)write(gate[1], "", 1), "gate");
	close(gate[0]);
	close(gate[1]);
	must(waitpid(pid, &status, 0), "wait");
	mark(f, STEP_ENDED);
	if (f->overlay)
		remove_folders(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int measure(struct floor *f, unsigned runs)
{
	double *took[STEP_COUNT];

	for (unsigned step = 1; step < STEP_COUNT; step++)
		if (!(took[step] = calloc(runs, sizeof(double))))
			die("memory");
	for (unsigned run = 0; run < runs; run++) {
		int status = run_once(f);

		if (status != 0)
			return status;
		for (unsigned step = 1; step < STEP_COUNT; step++)
			took[step][run] = f->times[step] - f->times[step - 1];
	}
	for (unsigned step = 1; step < STEP_COUNT; step++) {
		qsort(took[step], runs, sizeof(double), compare);
		printf("%s\t%.1f\n", step_names[step], took[step][runs / 2]);
		free(took[step]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct floor f = {0};
	unsigned runs = 0;
	int c;

	while ((c = getopt(argc, argv, "+son:")) >= 0)
		if (c == 's')
			f.subids = true;
		else if (c == 'o')
			f.overlay = true;
		else if (c != 'n' || sscanf(optarg, "%u", &runs) != 1)
			return 125;
	if (argc - optind < 2) {
		fprintf(stderr, "usage: floor [-s] [-o] [-n RUNS] TREE COMMAND ARG...\n");
		return 125;
	}
	f.tree = argv[optind];
	f.command = argv + optind + 1;
	f.times = mmap(NULL, sizeof(double[STEP_COUNT]), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f.times == MAP_FAILED)
		die("memory");
	return runs ? measure(&f, runs) : run_once(&f);
}
