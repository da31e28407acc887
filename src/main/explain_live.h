/* `weir explain --live`: a running Weir explains a request, with its servers as they are now. What
 * is asked goes as a query over the admin side: `method`, `url`, `client`, any number of `header`,
 * and `json` where programs are to read the answer. */
#pragma once

#include "control/admin.h"
#include "main/explainer.h"

enum { EXPLAIN_FIELDS_MAX = 100 };

/* Writes the path with its query. False: it is longer than what the admin side takes. */
bool explain_live_path(struct text *path, const struct explain_request *request, bool json);

/* Answers such a query from a snapshot and its servers, which serve meanwhile: it only reads them.
 * 400 with a reason where it cannot be understood. */
void explain_live_answer(struct snapshot *snapshot, struct server_registry *servers,
                         const struct admin_request *request, struct admin_reply *reply);

/* Writes an explanation. False: no memory. */
bool explain_write(FILE *file, struct explanation *explanation, bool json);
