/* Signals of the process. */
#pragma once

#include <stdbool.h>

/* Blocks the signals that are waited for, from everybody and passed on, and ignores SIGPIPE and
 * SIGXFSZ. Before there are threads. */
void sys_signals_prepare(void);

enum sys_signal {
    SYS_SIGNAL_NONE,
    SYS_SIGNAL_STOP,   /* TERM, INT */
    SYS_SIGNAL_RELOAD, /* HUP */
    SYS_SIGNAL_REOPEN, /* USR1 */
    SYS_SIGNAL_UPGRADE /* USR2 */
};

/* A descriptor that is readable while a signal waits. Needs sys_signals_prepare. -errno: refused.
 * `passed_on`: only those that the supervisor passes on with sys_signal_pass, whereas TERM, HUP and
 * so on are passed over. For they may come to all processes of a service at once, and would count
 * twice. */
int sys_signals_open(bool passed_on);

/* Takes one signal that waits; SYS_SIGNAL_NONE: there is none. */
enum sys_signal sys_signals_take(int fd);

/* Whether SYS_SIGNAL_STOP waits to be taken by the calling thread's process: for who is in the
 * middle of something long. `passed_on` as in sys_signals_open. */
bool sys_signals_stop_waits(bool passed_on);

/* Passes a signal on to a process that waits for such. */
void sys_signal_pass(int process, enum sys_signal signal);

/* Has the calling process told SYS_SIGNAL_STOP in this way when its parent ends. */
void sys_signal_stop_with_parent(void);
