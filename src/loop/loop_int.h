/* What the files of this folder share. */
#pragma once

#include "loop/loop.h"
#include "sys/poll.h"

/* First member of everything that the poller can name. */
struct watcher {
    void (*on_ready)(struct watcher *watcher, unsigned what); /* SYS_READABLE and so on */
};

struct outbox;
struct outbox *loop_outbox(struct loop *loop);

struct last_words_list;
struct last_words_list *loop_last_words(struct loop *loop);

struct sys_poller *loop_poller(struct loop *loop);

/* Drops the news for this watcher that the current turn has not handed out yet. */
void loop_forget(struct loop *loop, const struct watcher *watcher);
