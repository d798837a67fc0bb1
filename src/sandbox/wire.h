/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h: what the launcher and pid 1 say to each other over their socket. */
#pragma once

/*
 * Theory of operation
 *
 * One SEQPACKET socket pair and one pipe per sandbox; one message is one struct wire_message, whole.
 * During set-up pid 1 is still sbx's own code, and has the socket. It ends when sbx-init is executed,
 * which gets the pipe's writing end as descriptor WIRE_FD (a pipe of packets, O_DIRECT). A payload
 * that traces pid 1 (CAP_SYS_PTRACE) can write there, so the launcher takes nothing from it on trust:
 * it checks length and type, escapes text before it prints it, and believes an exit status no more
 * than it would believe the payload's own. It is a pipe since that carries bytes alone: descriptors
 * can take long to close, and would hold up whoever receives them.
 *
 *   child -> launcher   WIRE_USERNS    + descriptor: the user namespace, for the driver
 *                       WIRE_FUSE      + descriptor: /dev/fuse, mounted; start the driver on it
 *                       WIRE_TERMINAL  + descriptor: the pty's master side
 *                       WIRE_NETWORK   + descriptor, status: what doors() of the network has
 *                                        filled in, and where; the first one last
 *                       WIRE_MEMORY    + descriptor: the tmpfs that holds the upper, to count
 *                                        at the end; only where there is a terminal
 *                       WIRE_NOTE        text: something that was left out
 *                       WIRE_FAILED      step, err, text, hint: set-up failed; the child ends
 *                       WIRE_READY       the set-up is over; only FAILED, or the end, follows
 *   sbx-init ->         WIRE_FAILED      the same, of its own start (step "init"); it ends, 125
 *                       WIRE_EXEC_FAILED err, text, hint: the payload can't be executed; status
 *                                        is sbx's exit status: 127 where the command, or an
 *                                        interpreter that it names, doesn't exist, else 126
 *                       WIRE_STOPPED     status: the signal that stopped the payload, each time
 *                       WIRE_EXITED      status: as waitpid() gives it; after EXEC_FAILED too.
 *                                        The launcher takes pid 1's own status; this tells it
 *                                        a signal's from the same number
 *   launcher -> child   WIRE_GO          the next gate is open: "ids", then "network-made" (gate.h)
 *
 * sbx-init is started as pid 1, by execveat() of a memfd, with all that the payload shall have
 * already on: ids, capabilities, no_new_privs, seccomp, limits, root, working folder,
 * environment, descriptors 0 to 2. All signals should be blocked, so that an early one waits:
 * pid 1 loses those that it has no handler for. Its arguments are
 *
 *   sbx-init [-t FD] -- COMMAND [ARG...]
 *
 * With -t, FD (0 to 2) is the sandbox's own pty. It becomes the controlling terminal of
 * sbx-init's session, with the payload's process group in the foreground. sbx-init keeps FD
 * then, and nothing else of 0 to 2, so a pipe ends when the payload lets go of it. The payload
 * gets 0 to 2 and no other descriptor, no signal blocked or ignored, and a process group of its
 * own.
 *
 * For a bare sandbox, which is what bubblewrap makes (bare.h), sbx-init only reaps:
 *
 *   sbx-init -r FD [-d] -- COMMAND NAME [ARG...]
 *
 * NAME is the payload's argv[0]. FD is the socket. From it on all descriptors, without a gap, are
 * sbx-init's, and closed in the payload, which gets all below; FD + 1 is a file with seccomp
 * programs, each a uint64_t that counts its instructions and then these; what follows is kept
 * open. Nothing is set up: the payload has the caller's session, process group, signals and
 * terminal. sbx-init sends WIRE_EXITED when the payload has ended, and ends when no child is
 * left. With -d both die with the one that started them.
 *
 * Otherwise the launcher reaches sbx-init by signals (pidfd_send_signal), which it forwards: those that a
 * terminal sends (HUP INT QUIT TSTP CONT WINCH) to the payload's process group, the others,
 * realtime signals too, to the payload alone. CHLD is its own; KILL ends the sandbox. On CONT
 * the payload's group gets the terminal back where sbx-init's own group has it.
 *
 * sbx-init never waits for the launcher: where the pipe is full it drops the message. Nothing
 * depends on one: it ends with the payload's exit status, or 128+N where signal N ended it, and
 * the kernel then ends whatever still runs inside. When the launcher ends, pid 1 is killed.
 */

#include <stdint.h>

enum { WIRE_FD = 3, WIRE_TEXT_MAX = 1024, WIRE_STEP_MAX = 32, WIRE_HINT_MAX = 512 };

enum wire_type {
	WIRE_GO = 1,
	WIRE_USERNS,
	WIRE_FUSE,
	WIRE_TERMINAL,
	WIRE_NETWORK,
	WIRE_MEMORY,
	WIRE_READY,
	WIRE_NOTE,
	WIRE_FAILED,
	WIRE_EXEC_FAILED,
	WIRE_STOPPED,
	WIRE_EXITED,
};

/* Senders cut the message behind the text's NUL; so `text` stays last. */
struct wire_message {
	uint32_t type;
	int32_t status;
	int32_t err; /* positive errno */
	char step[WIRE_STEP_MAX];
	char hint[WIRE_HINT_MAX];
	char text[WIRE_TEXT_MAX];
};
