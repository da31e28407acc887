/* What one seed is about: the network, the faults, the configuration, the servers, the clients with
 * their requests. All of it is drawn before anything happens. */
#pragma once

#include "sim/fault.h"
#include "sim/ledger.h"
#include "sim/network.h"

enum { SERVERS_MAX = 6, CLIENTS_MAX = 64, LOOPS_MAX = 3, YAML_MAX = 4096, UPSTREAMS = 2 };

/* Milliseconds, as in the configuration. */
struct scenario_timeouts {
    uint32_t request_header, keep_alive, request_body, tunnel, connect, first_byte, between_bytes,
        pool_idle, request;
};

/* What a server does with who comes. */
enum knock_habit { KNOCK_ACCEPTS, KNOCK_REFUSES, KNOCK_IGNORES, KNOCK_CHANGES, KNOCK_DROPS };

struct server_traits {
    struct address address;
    unsigned upstream;
    unsigned weight;
    bool backup;
    enum knock_habit habit;
    uint32_t requests_most; /* then it closes; 0: never */
    uint32_t idle_us;       /* closes a connection that is idle so long; 0: never */
    uint32_t read_piece, read_delay_us, write_piece, write_delay_us;
};

enum client_ending { CLIENT_STAYS, CLIENT_CLOSES, CLIENT_RESETS, CLIENT_FREEZES };

struct client_traits {
    struct ip ip;
    uint32_t start_us, think_us;
    unsigned first, count; /* of the ledger's requests */
    unsigned ahead;        /* requests sent before their turn, by pipelining */
    bool half_closes;
    enum client_ending ending;
    uint64_t ending_after; /* bytes in both directions */
    uint32_t read_piece, read_delay_us, write_piece, write_delay_us;
};

struct scenario {
    uint64_t seed;
    unsigned loops;
    struct network network;
    struct fault_rates faults;
    struct scenario_timeouts timeouts;
    uint32_t requests_per_connection;
    uint64_t body_size;                           /* 0: no limit */
    unsigned connections, connections_per_client; /* 0: no limit */
    struct server_traits servers[SERVERS_MAX];
    unsigned server_count;
    const char *balance[UPSTREAMS]; /* as it stands in the configuration */
    const char *retry;              /* the same, of all routes */
    unsigned attempts;              /* that it permits, and a hedge */
    unsigned hedge_after;           /* milliseconds; 0: no second server is asked */
    unsigned places;                /* max_connections of each server; 0: any number */
    unsigned queue_size[UPSTREAMS], queue_timeout; /* milliseconds */
    unsigned connections_most; /* that each upstream may have open; 0: any number */
    struct client_traits clients[CLIENTS_MAX];
    unsigned client_count;
    uint64_t drain_after_us;  /* 0: only when all clients are done */
    uint64_t abort_after_us;  /* only where it drains; what still runs is then cut */
    uint64_t reload_after_us; /* 0: never */
    uint64_t swap_every_us;   /* a server comes or goes; 0: never */
    uint64_t patience_us;     /* nothing may take longer */
    unsigned excuses;         /* of every request */
    char yaml[YAML_MAX];
};

/* Also fills the ledger. */
void scenario_draw(struct scenario *scenario, uint64_t seed);
