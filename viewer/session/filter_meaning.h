// Whether the names and values of a filter can mean anything: an error before a million rows are searched for
// what no row can have.
#pragma once

#include "sim/result.h"
#include "viewer/session/filter_syntax.h"

namespace ringside::viewer {

Result<> check_meaning(const FilterSyntax& syntax);

}  // namespace ringside::viewer
