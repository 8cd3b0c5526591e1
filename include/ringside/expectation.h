// What a test expects of the crossings of some wires, and what it says when it is not so: which crossings
// came nearest. catch.h makes Catch2's matchers of these; whoever has another framework uses them as they
// are:
//
//   const Expectation read = HasCrossing(field("operation") == "READ" && field("sector_number") == 2048);
//   if (!read.holds(m.wire("ring/xvda/request"))) std::cerr << read.explain(m.wire("ring/xvda/request"));
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "ringside/crossing.h"
#include "ringside/export.h"
#include "ringside/time.h"

namespace ringside::test {

class RINGSIDE_API Expectation {
 public:
  struct Node;
  explicit Expectation(std::shared_ptr<const Node> node);
  virtual ~Expectation();
  Expectation(const Expectation&) = default;
  Expectation& operator=(const Expectation&) = default;

  bool holds(const Crossings& crossings) const;
  // "has a crossing with operation == "READ"".
  std::string text() const;
  // What there was instead, at most ten crossings, a line of at most 78 columns each.
  std::string explain(const Crossings& crossings) const;
  const std::shared_ptr<const Node>& node() const { return node_; }

 private:
  std::shared_ptr<const Node> node_;
};

// The makers of expectations; in catch.h they have the names without `expect_`.
// One at least is so; none is; exactly so many are.
RINGSIDE_API Expectation expect_crossing(const Condition& condition);
RINGSIDE_API Expectation expect_no_crossing(const Condition& condition = {});
RINGSIDE_API Expectation expect_count(size_t count, const Condition& condition = {});
// One that is like the first, behind it one like the second, and so on; others may stand between them.
RINGSIDE_API Expectation expect_in_order(std::vector<Condition> conditions);
// An expectation that is met by the crossings up to so long behind the beginning of these (since()); of an
// order: so long behind its own first.
RINGSIDE_API Expectation expect_within(Duration limit, const Expectation& expectation);
// All of them are within so long of the first.
RINGSIDE_API Expectation expect_within(Duration limit);

}  // namespace ringside::test
