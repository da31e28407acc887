/* An upgrade: another version of Weir in the place of this one, without loss. Before anything
 * changes the new program is asked twice, each time in a process of its own: whether the
 * configuration is right for it, and whether it understands what it will be left (main/estate.h).
 * Then the supervisor becomes the new program, which starts a worker on the same sockets; and only
 * when that one serves, the one before is told to leave. Whatever goes wrong, what served before
 * goes on. This is the course of it; what it takes of the supervisor is done there. One thread. */
#pragma once

#include "base/arena.h"
#include "sys/child.h"

#include <limits.h>

enum upgrade_step {
    UPGRADE_NONE,    /* none is under way */
    UPGRADE_ASKED,   /* for one: it will be begun */
    UPGRADE_CHECKS,  /* the new program checks the configuration */
    UPGRADE_CHECKED, /* the supervisor is to write its estate: upgrade_try */
    UPGRADE_TRIES,   /* the new program tries to understand it */
    UPGRADE_TRIED,   /* the supervisor is to become the new program */
    UPGRADE_STARTS,  /* which has started a worker; that one does not serve yet */
    UPGRADE_LEAVES,  /* it serves; the one before still takes newcomers */
};

enum { UPGRADE_WORDS_MAX = 64 * 1024, UPGRADE_VERSION_MAX = 63 };

struct upgrade {
    enum upgrade_step step;
    const char *configuration; /* its path */
    char program[PATH_MAX];    /* the path of the program; empty: it could not be told */
    struct sys_child errand;   /* the new program that is asked; process 0: there is none */
    int output;                /* what it says */
    bool is_late;              /* it was killed */
    uint64_t until;            /* the step may take so long; milliseconds */
    char from[UPGRADE_VERSION_MAX + 1]; /* the version that serves */
    char to[UPGRADE_VERSION_MAX + 1];
    bool has_been, has_failed;     /* there was one; and so it ended */
    bool has_stopped;              /* there will be none */
    char words[UPGRADE_WORDS_MAX]; /* what became of it, or what was wrong */
};

/* `configuration` must outlive it. */
void upgrade_init(struct upgrade *upgrade, const char *configuration);

/* Another program has become this one: its worker is about to be started. */
void upgrade_resume(struct upgrade *upgrade);

/* A worker of this version serves, for another reason than an upgrade. */
void upgrade_note_restart(struct upgrade *upgrade);

/* Writes what the new program needs to know into an estate, 0 or -errno; and takes a record from
 * one. False: it is malformed. Records of others are passed over. */
int upgrade_write(const struct upgrade *upgrade, int file);
bool upgrade_read(struct upgrade *upgrade, struct slice key, struct slice value);

/* 0, -EBUSY while one is under way, or -ESHUTDOWN: Weir stops. */
int upgrade_ask(struct upgrade *upgrade);

/* Goes on as far as it can without the supervisor. */
void upgrade_look(struct upgrade *upgrade);

/* Has the new program try an estate, which stays the caller's. In UPGRADE_CHECKED. */
void upgrade_try(struct upgrade *upgrade, int estate);

/* The worker serves; the one before is told to leave. In UPGRADE_STARTS. */
void upgrade_serves(struct upgrade *upgrade);

/* It has left, or died. Tells of the end of the upgrade, where it is one. */
void upgrade_left(struct upgrade *upgrade);

/* Whether the step takes too long: it is the supervisor's to end it. In UPGRADE_STARTS. */
bool upgrade_is_late(const struct upgrade *upgrade);

/* Ends it, where one is under way, and tells why. */
void upgrade_fail(struct upgrade *upgrade, const char *problem);

/* Weir stops, and with it what is under way. None begins any more: the next program would serve
 * again, and not know that it was told to stop. */
void upgrade_stop(struct upgrade *upgrade);

/* In a process that was made of this one: closes its descriptors here. */
void upgrade_leave(struct upgrade *upgrade);

/* When to look again, in milliseconds of the clock; UINT64_MAX: when the errand ends. */
uint64_t upgrade_next_look(const struct upgrade *upgrade);

/* A file that tells what has become of the last one: a line with a word (`none`, `begun`, `done`,
 * `failed`), then words for people. -errno. */
int upgrade_open_outcome(const struct upgrade *upgrade);

/* The arguments with which a program is asked in UPGRADE_TRIES, and what it answers first. */
#define UPGRADE_TRY_OPTION "try-estate"
#define UPGRADE_GREETING   "weir "

/* Where a program finds the estate that it has been left: a descriptor as a number. */
#define UPGRADE_ESTATE_VARIABLE "WEIR_ESTATE"
