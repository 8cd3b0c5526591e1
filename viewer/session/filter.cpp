#include "viewer/session/filter.h"

#include <algorithm>
#include <optional>

#include "machine/machine.h"
#include "viewer/session/filter_binding.h"
#include "viewer/session/filter_meaning.h"

namespace ringside::viewer {

namespace {

enum class Truth : uint8_t { no, yes, depends };

Truth truth_of(std::optional<bool> known) {
  if (!known) return Truth::depends;
  return *known ? Truth::yes : Truth::no;
}

// The expression as it is for one wire.
struct WirePlan {
  std::string wire;
  const PayloadType* type = nullptr;
  std::vector<BoundTest> tests;
  std::vector<Truth> truths;  // of each node
  Truth truth = Truth::no;    // of the whole

  bool is_of(const ViewedWire& other) const { return type == other.type && wire == other.name; }
};

}  // namespace

struct Filter::Impl {
  WirePlan make_plan(const ViewedWire& wire) const;
  Truth fold(const FilterNode& node, const WirePlan& plan) const;
  void plan_for(const CrossingTable& table, uint32_t wire);
  bool ask(const WirePlan& plan, uint32_t node, const CrossingTable& table, RowText& words, Row row) const;
  bool matches(const WirePlan& plan, const CrossingTable& table, RowText& words, Row row) const {
    if (plan.truth != Truth::depends) return plan.truth == Truth::yes;
    return ask(plan, static_cast<uint32_t>(syntax.nodes.size() - 1), table, words, row);
  }

  std::string text;
  FilterSyntax syntax;
  std::vector<WirePlan> plans;  // by the table's wires
};

Truth Filter::Impl::fold(const FilterNode& node, const WirePlan& plan) const {
  using Kind = FilterNode::Kind;
  if (node.kind == Kind::test) return truth_of(plan.tests[node.test].known());
  if (node.kind == Kind::negation) {
    const Truth inner = plan.truths[node.children[0]];
    if (inner == Truth::depends) return inner;
    return inner == Truth::yes ? Truth::no : Truth::yes;
  }
  const Truth decisive = node.kind == Kind::any ? Truth::yes : Truth::no;
  const Truth other = node.kind == Kind::any ? Truth::no : Truth::yes;
  bool depends = false;
  for (const uint32_t child : node.children) {
    if (plan.truths[child] == decisive) return decisive;
    depends = depends || plan.truths[child] == Truth::depends;
  }
  return depends ? Truth::depends : other;
}

WirePlan Filter::Impl::make_plan(const ViewedWire& wire) const {
  WirePlan plan;
  plan.wire = wire.name;
  plan.type = wire.type;
  for (const FilterTest& test : syntax.tests) plan.tests.emplace_back(test, wire);
  for (const FilterNode& node : syntax.nodes) plan.truths.push_back(fold(node, plan));
  plan.truth = plan.truths.empty() ? Truth::yes : plan.truths.back();
  return plan;
}

void Filter::Impl::plan_for(const CrossingTable& table, uint32_t wire) {
  while (plans.size() <= wire) plans.push_back(make_plan(table.wires()[plans.size()]));
  if (!plans[wire].is_of(table.wires()[wire])) plans[wire] = make_plan(table.wires()[wire]);
}

bool Filter::Impl::ask(const WirePlan& plan, uint32_t number, const CrossingTable& table, RowText& words,
                       Row row) const {
  using Kind = FilterNode::Kind;
  if (plan.truths[number] != Truth::depends) return plan.truths[number] == Truth::yes;
  const FilterNode& node = syntax.nodes[number];
  switch (node.kind) {
    case Kind::test: return plan.tests[node.test].matches(table, words, row);
    case Kind::negation: return !ask(plan, node.children[0], table, words, row);
    default: {
      const bool decisive = node.kind == Kind::any;
      for (const uint32_t child : node.children) {
        if (ask(plan, child, table, words, row) == decisive) return decisive;
      }
      return !decisive;
    }
  }
}

Filter::Filter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;
Filter::~Filter() = default;

Result<Filter> Filter::parse(std::string_view text) {
  register_all_payload_types();
  auto syntax = parse_filter(text);
  if (!syntax) return tl::unexpected(syntax.error());
  SIM_TRY(check_meaning(*syntax));
  auto impl = std::make_unique<Impl>();
  impl->text = text;
  impl->syntax = std::move(*syntax);
  return Filter(std::move(impl));
}

const std::string& Filter::text() const { return impl_->text; }

bool Filter::matches(const CrossingTable& table, RowText& text, Row row) {
  if (row >= table.size()) return false;
  const uint32_t wire = table.wire(row);
  impl_->plan_for(table, wire);
  return impl_->matches(impl_->plans[wire], table, text, row);
}

void Filter::find(const CrossingTable& table, RowText& text, Row first, Row end, std::vector<Row>& found) {
  end = std::min(end, table.size());
  for (uint32_t wire = 0; wire < table.wires().size(); ++wire) impl_->plan_for(table, wire);
  for (Row row = first; row < end; ++row) {
    const WirePlan& plan = impl_->plans[table.wire(row)];
    if (plan.truth != Truth::no && impl_->matches(plan, table, text, row)) found.push_back(row);
  }
}

}  // namespace ringside::viewer
