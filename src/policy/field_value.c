#include "policy/field_value.h"

#include "http/field_syntax.h"

bool field_value_check(const struct template *value, const struct node *node,
                       struct diagnostics *diagnostics)
{
    struct slice text;
    if (!template_is_constant(value, &text) || field_value_is_valid(slice_trim(text)))
        return true;
    diagnostics_error(diagnostics, node->position,
                      "write it in one line, without control characters",
                      "a field cannot carry this value: it holds bytes that no field may have");
    return false;
}
