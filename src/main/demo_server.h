/* A small HTTP/1.1 server for the demo: says its name and echoes what it received. It stands for
 * somebody's application. */
#pragma once

#include <stdint.h>

struct demo_server;

/* Listens on a free port of 127.0.0.1 and serves on a loop and thread of its own until the process
 * ends. `name` must outlive it. NULL: the system refused. */
struct demo_server *demo_server_start(const char *name);

uint16_t demo_server_port(const struct demo_server *server);
