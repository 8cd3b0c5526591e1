// Conditions on crossings: a tree that is judged and printed. A leaf compares a field as `break WIRE if ...`
// of the debugger does (control/stops.h).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "control/command_words.h"
#include "control/stops.h"
#include "ringside/crossing.h"
#include "testkit/crossing_store.h"

namespace ringside::test {

struct Condition::Node {
  enum class Kind : uint8_t { any, field, both, either, negated, direction, injected, wire };
  Kind kind = Kind::any;
  StopCondition field;  // its value as it is compared
  std::string written;  // and as the test wrote it
  Direction direction = Direction::out;
  std::shared_ptr<const Node> left, right;

  bool matches(const Crossing& crossing, const std::vector<DecodedField>& fields) const;
  int nearness(const Crossing& crossing, const std::vector<DecodedField>& fields) const;
  std::string text(bool within_and) const;
  void list_fields(std::vector<std::string>& names) const;
};

namespace {

using Node = Condition::Node;

constexpr std::array<std::pair<FaultOperator, const char*>, 7> kOperators{{
    {FaultOperator::equal, "=="},
    {FaultOperator::not_equal, "!="},
    {FaultOperator::less, "<"},
    {FaultOperator::at_most, "<="},
    {FaultOperator::greater, ">"},
    {FaultOperator::at_least, ">="},
    {FaultOperator::contains, "contains"},
}};

Condition make(Node node) { return Condition(std::make_shared<const Node>(std::move(node))); }

// -1 is what a field of two bytes holds as 0xffff, whatever it is shown as.
bool is_negative(const StopCondition& condition, const std::vector<DecodedField>& fields) {
  return std::any_of(fields.begin(), fields.end(), [&](const DecodedField& field) {
    if (field.name == condition.field && field.is_number && field.size != 0 && field.size <= 8) {
      const uint64_t mask = UINT64_MAX >> (64 - 8 * field.size);
      if ((field.number & mask) == (*condition.number & mask)) return true;
    }
    return is_negative(condition, field.children);
  });
}

}  // namespace

bool Condition::Node::matches(const Crossing& crossing, const std::vector<DecodedField>& fields) const {
  switch (kind) {
    case Kind::any: return true;
    case Kind::field: {
      const bool negative = field.value.starts_with('-') && field.number;
      if (negative && field.op == FaultOperator::equal) return is_negative(field, fields);
      if (negative && field.op == FaultOperator::not_equal && is_negative(field, fields)) return false;
      return conditions_hold({field}, fields);
    }
    case Kind::both: return left->matches(crossing, fields) && right->matches(crossing, fields);
    case Kind::either: return left->matches(crossing, fields) || right->matches(crossing, fields);
    case Kind::negated: return !left->matches(crossing, fields);
    case Kind::direction: return crossing.direction() == direction;
    case Kind::injected: return crossing.injected();
    case Kind::wire: return wire_matches(written, crossing.wire());
  }
  return false;
}

int Condition::Node::nearness(const Crossing& crossing, const std::vector<DecodedField>& fields) const {
  if (kind == Kind::both) return left->nearness(crossing, fields) + right->nearness(crossing, fields);
  if (kind == Kind::either)
    return std::max(left->nearness(crossing, fields), right->nearness(crossing, fields));
  return matches(crossing, fields) ? 1 : 0;
}

std::string Condition::Node::text(bool within_and) const {
  switch (kind) {
    case Kind::any: return "anything";
    case Kind::field: {
      const auto found = std::find_if(kOperators.begin(), kOperators.end(),
                                      [&](const auto& entry) { return entry.first == field.op; });
      return fmt::format("{} {} {}", field.field, found->second, written);
    }
    case Kind::both: return fmt::format("{} && {}", left->text(true), right->text(true));
    case Kind::either:
      return fmt::format("{}{} || {}{}", within_and ? "(" : "", left->text(false), right->text(false),
                         within_and ? ")" : "");
    case Kind::negated: return fmt::format("!({})", left->text(false));
    case Kind::direction: return direction == Direction::out ? "outgoing" : "incoming";
    case Kind::injected: return "injected";
    case Kind::wire: return "on " + written;
  }
  return "?";
}

void Condition::Node::list_fields(std::vector<std::string>& names) const {
  if (kind == Kind::field) names.push_back(field.field);
  if (left) left->list_fields(names);
  if (right) right->list_fields(names);
}

Condition::Condition() : node_(std::make_shared<const Node>()) {}

bool Condition::matches(const Crossing& crossing) const {
  return node_->kind == Node::Kind::any ||
         node_->matches(crossing, crossing.store_->fields_of(crossing.number_));
}

int Condition::nearness(const Crossing& crossing) const {
  return node_->nearness(crossing, crossing.store_->fields_of(crossing.number_));
}

std::string Condition::text() const { return node_->text(false); }

std::vector<std::string> Condition::fields() const {
  std::vector<std::string> names;
  node_->list_fields(names);
  return names;
}

Condition operator&&(const Condition& left, const Condition& right) {
  Node node;
  node.kind = Node::Kind::both;
  node.left = left.node_;
  node.right = right.node_;
  return make(std::move(node));
}

Condition operator||(const Condition& left, const Condition& right) {
  Node node;
  node.kind = Node::Kind::either;
  node.left = left.node_;
  node.right = right.node_;
  return make(std::move(node));
}

Condition operator!(const Condition& condition) {
  Node node;
  node.kind = Node::Kind::negated;
  node.left = condition.node_;
  return make(std::move(node));
}

Condition Field::compare(Comparison comparison, std::string value, bool is_text) const {
  Node node;
  node.kind = Node::Kind::field;
  node.field.field = name_;
  node.field.op = kOperators[static_cast<size_t>(comparison)].first;
  node.field.number = number_in(value);
  node.written = is_text ? fmt::format("\"{}\"", value) : value;
  node.field.value = std::move(value);
  return make(std::move(node));
}

Condition outgoing() {
  Node node;
  node.kind = Node::Kind::direction;
  return make(std::move(node));
}

Condition incoming() {
  Node node;
  node.kind = Node::Kind::direction;
  node.direction = Direction::in;
  return make(std::move(node));
}

Condition injected() {
  Node node;
  node.kind = Node::Kind::injected;
  return make(std::move(node));
}

Condition on_wire(std::string glob) {
  Node node;
  node.kind = Node::Kind::wire;
  node.written = std::move(glob);
  return make(std::move(node));
}

}  // namespace ringside::test
