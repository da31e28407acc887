/* weir-sim: runs scenarios drawn from seeds. Each runs in a process that is forked, so that a crash
 * is one failure and not the end; a failing seed is run again to show what led to it. */
#include "base/assert.h"
#include "sim/sim_client.h"
#include "sim/sim_server.h"
#include "sim/subject.h"
#include "sim/sys_floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of the processor: what else a machine has to do is no failure of a seed. The clock on the wall
 * ends what waits without working. */
enum { CPU_SECONDS_PER_SEED_MAX = 20, WALL_SECONDS_PER_SEED_MAX = 600 };

enum { FAILURES_TOLD = 20, FAILURES_MAX = 100 };

/* ---- one scenario */

static struct scenario scenario;

/* Lets things happen until Weir serves nobody; breaks a rule where that takes for ever. */
static void wait_until_idle(bool (*is_idle)(void), uint64_t patience_us, const char *what)
{
    uint64_t until = world_now() + patience_us;
    while (!is_idle()) {
        CHECK(world_now() < until, "%s", what);
        subject_turn();
    }
}

static void run_traffic(void)
{
    uint64_t begin = world_now(), swapped = begin;
    bool reloaded = scenario.reload_after_us == 0, drained = scenario.drain_after_us == 0;
    bool aborted = drained || scenario.abort_after_us == 0;
    uint64_t turns_most = 200 * scenario.patience_us;
    while (!sim_clients_done()) {
        CHECK(world_now() - begin < turns_most, "the clients are never done");
        if (!reloaded && world_now() - begin > scenario.reload_after_us) {
            reloaded = true;
            subject_reload();
        }
        if (scenario.swap_every_us > 0 && world_now() - swapped > scenario.swap_every_us) {
            swapped = world_now();
            subject_swap();
        }
        if (!drained && world_now() - begin > scenario.drain_after_us) {
            drained = true;
            sim_clients_excuse(EXCUSE_DRAIN, false);
            subject_drain();
        }
        if (!aborted && world_now() - begin > scenario.abort_after_us) {
            aborted = true;
            sim_clients_excuse(EXCUSE_DRAIN, true);
            subject_abort();
        }
        subject_turn();
    }
}

static bool no_server_is_connected(void)
{
    return sim_servers_connected() == 0;
}

static void run_seed(uint64_t seed, bool tracing, bool verbose)
{
    world_begin(seed, tracing, verbose);
    scenario_draw(&scenario, seed);
    if (verbose)
        (void)fprintf(stderr, "%s", scenario.yaml);
    network_begin(&scenario.network, seed);
    fault_begin(&scenario.faults, seed);
    descriptors_begin();
    poll_begin();
    struct address address;
    bool parsed = address_parse(SLICE("127.0.0.1:80"), &address);
    ASSERT(parsed);
    subject_start(&scenario);
    sim_servers_open(&scenario);
    sim_clients_begin(&scenario, &address);
    run_traffic();
    /* Deadlines alone end what frozen clients and servers left. */
    wait_until_idle(subject_is_idle, scenario.patience_us, "a client is served for ever");
    wait_until_idle(no_server_is_connected, scenario.patience_us,
                    "a server's connection is kept for ever");
    subject_drain();
    wait_until_idle(subject_is_idle, scenario.patience_us, "a client is served for ever");
    subject_stop();
    sim_clients_end();
    sim_servers_close();
    network_end();
    world_end();
    descriptors_end();
}

/* ---- many of them */

struct progress {
    uint64_t seed;
    uint64_t passed;
};

static struct progress *progress;

static void tell_seed(const char *message)
{
    (void)message;
    world_print_trace();
    (void)fprintf(stderr, "seed %llu: a crash\n", (unsigned long long)progress->seed);
}

/* Its signals end the process. */
static void limit_time(void)
{
    const struct itimerval limit = {.it_value = {.tv_sec = CPU_SECONDS_PER_SEED_MAX}};
    (void)setitimer(ITIMER_PROF, &limit, NULL);
    (void)alarm(WALL_SECONDS_PER_SEED_MAX);
}

static void run_seeds(uint64_t from, uint64_t end, bool tracing, bool verbose)
{
    assert_hook = tell_seed;
    for (uint64_t seed = from; seed < end; seed++) {
        progress->seed = seed;
        limit_time();
        run_seed(seed, tracing, verbose);
        progress->passed++;
    }
}

/* False: a seed failed, which is in `progress`. */
static bool run_in_child(uint64_t from, uint64_t end, bool tracing, bool quiet)
{
    (void)fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("weir-sim: fork");
        exit(2);
    }
    if (child == 0) {
        if (quiet)
            stderr = fopen("/dev/null", "w");
        run_seeds(from, end, tracing, false);
        (void)fflush(NULL);
        exit(0);
    }
    int status = 0;
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Returns how many failed. */
static uint64_t run_many(uint64_t from, uint64_t count)
{
    uint64_t failed = 0, seed = from;
    while (seed < from + count && failed < FAILURES_MAX) {
        if (run_in_child(seed, from + count, false, true)) {
            seed = from + count;
            break;
        }
        seed = progress->seed;
        uint64_t passed = progress->passed;
        if (++failed <= FAILURES_TOLD)
            (void)run_in_child(seed, seed + 1, true, false);
        (void)printf("failed: weir-sim --seed %llu\n", (unsigned long long)seed);
        progress->passed = passed;
        seed++;
    }
    if (seed < from + count)
        (void)printf("stopped behind seed %llu\n", (unsigned long long)seed - 1);
    (void)printf("%llu passed, %llu failed\n", (unsigned long long)progress->passed,
                 (unsigned long long)failed);
    return failed;
}

static uint64_t number(const char *text)
{
    char *end = NULL;
    uint64_t value = text ? strtoull(text, &end, 10) : 0;
    if (!text || !*text || *end) {
        (void)fprintf(stderr, "weir-sim: this is no number: %s\n", text ? text : "nothing");
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    uint64_t count = 1000, from = 1;
    bool one = false, verbose = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0) {
            verbose = true;
        } else if (strcmp(argv[i], "--seed") == 0) {
            one = true;
            from = number(argv[++i]);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            count = number(argv[++i]);
        } else if (strcmp(argv[i], "--from") == 0) {
            from = number(argv[++i]);
        } else {
            (void)fprintf(stderr, "usage: weir-sim [--seeds N] [--from SEED]\n"
                                  "       weir-sim --seed SEED [-v]\n");
            return 2;
        }
    }
    progress =
        mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED) {
        perror("weir-sim: mmap");
        return 2;
    }
    if (!one)
        return run_many(from, count) > 0;
    run_seeds(from, from + 1, true, verbose);
    (void)printf("1 passed, 0 failed\n");
    return 0;
}
