// What is expected of crossings, and what is said where it is not so.
#include "ringside/expectation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "sim/near_names.h"
#include "testkit/crossing_store.h"

namespace ringside::test {

namespace {

constexpr size_t kLinesMax = 10;
constexpr size_t kColumns = 76;  // Catch2 indents by two, and breaks at 80

std::string plural(size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// One that a condition is about shows the fields that are asked for first: the others may be cut off.
std::string line_of(const Crossing& crossing, const Condition& condition) {
  const std::string whole = crossing.text();
  std::string asked;
  std::vector<std::string> shown;
  for (const std::string& name : condition.fields()) {
    if (std::find(shown.begin(), shown.end(), name) != shown.end() || !crossing.has_field(name)) continue;
    shown.push_back(name);
    asked += fmt::format("{}={} ", name, crossing.field(name).text());
  }
  // Time, wire and arrow end before the fields.
  const size_t fields = whole.find(crossing.fields_text());
  if (fields == std::string::npos) return whole;
  if (!asked.empty()) asked += "| ";
  const size_t marks = std::min(whole.find(" [injected", fields), whole.size());
  const std::string fault = marks == whole.size() ? "" : whole.substr(marks + 1) + " ";
  return whole.substr(0, fields) + fault + asked + whole.substr(fields, marks - fields);
}

std::string lines_of(const std::vector<Crossing>& crossings, const Condition& condition) {
  std::string text;
  for (const Crossing& crossing : crossings)
    text += "\n  " + cut_line(line_of(crossing, condition), kColumns - 2);
  return text;
}

// A field that none of them has: a slip of the pen, most of the time.
std::string unknown_fields(const Crossings& crossings, const Condition& condition) {
  std::string text;
  if (crossings.empty()) return text;
  std::vector<std::string> known;
  for (const Crossing& crossing : crossings) {
    for (const std::string& name : crossing.field_names()) {
      if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
    }
  }
  for (const std::string& name : condition.fields()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string near = did_you_mean(near_names(name, known, 2));
    text += fmt::format("\nnone of them has a field '{}'{}", name,
                        near.empty() ? fmt::format("; there are {}", fmt::join(known, ", ")) : near);
  }
  return text;
}

// Those that come nearest to the condition, in their order.
std::string nearest(const Crossings& crossings, const Condition& condition) {
  if (crossings.empty()) return fmt::format("nothing has crossed {}", crossings.description());
  std::vector<std::pair<int, size_t>> ranked;
  for (size_t i = 0; i < crossings.size(); ++i) ranked.emplace_back(-condition.nearness(crossings[i]), i);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  const size_t count = std::min(kLinesMax, ranked.size());
  std::vector<size_t> chosen;
  for (size_t i = 0; i < count; ++i) chosen.push_back(ranked[i].second);
  std::sort(chosen.begin(), chosen.end());
  std::vector<Crossing> shown;
  for (const size_t index : chosen) shown.push_back(crossings[index]);
  const std::string head =
      crossings.size() <= count
          ? fmt::format("there {} {}:", crossings.size() == 1 ? "was" : "were",
                        plural(crossings.size(), "crossing"))
          : fmt::format("of {} these come nearest:", plural(crossings.size(), "crossing"));
  return head + lines_of(shown, condition) + unknown_fields(crossings, condition);
}

std::string lost_text(const Crossings& crossings) {
  if (crossings.lost() == 0) return {};
  return fmt::format("\n(the first {} crossings of this run are no longer kept)", crossings.lost());
}

}  // namespace

struct Expectation::Node {
  virtual ~Node() = default;
  virtual bool holds(const Crossings& crossings) const = 0;
  virtual std::string text() const = 0;
  virtual std::string explain(const Crossings& crossings) const = 0;
  // By when it is met, where it is: the time of the crossing that met it, and of the one that its time counts
  // from. Nothing for one that has no such time.
  virtual std::optional<std::pair<Time, Time>> met(const Crossings& crossings) const {
    (void)crossings;
    return std::nullopt;
  }
};

namespace {

using Node = Expectation::Node;

struct Has final : Node {
  explicit Has(Condition given) : condition(std::move(given)) {}
  bool holds(const Crossings& crossings) const override { return met(crossings).has_value(); }
  std::optional<std::pair<Time, Time>> met(const Crossings& crossings) const override {
    for (const Crossing& crossing : crossings) {
      if (condition.matches(crossing)) return std::pair{crossings.origin(), crossing.at()};
    }
    return std::nullopt;
  }
  std::string text() const override { return "has a crossing with " + condition.text(); }
  std::string explain(const Crossings& crossings) const override { return nearest(crossings, condition); }
  Condition condition;
};

struct Counts final : Node {
  Counts(size_t wanted, Condition given) : count(wanted), condition(std::move(given)) {}
  bool holds(const Crossings& crossings) const override { return found(crossings).size() == count; }
  std::vector<Crossing> found(const Crossings& crossings) const {
    std::vector<Crossing> matching;
    for (const Crossing& crossing : crossings) {
      if (condition.matches(crossing)) matching.push_back(crossing);
    }
    return matching;
  }
  std::string text() const override {
    return count == 0 ? "has no crossing with " + condition.text()
                      : fmt::format("has {} with {}", plural(count, "crossing"), condition.text());
  }
  std::string explain(const Crossings& crossings) const override {
    std::vector<Crossing> matching = found(crossings);
    if (matching.empty()) return nearest(crossings, condition);
    std::string head = fmt::format("there {} {}", matching.size() == 1 ? "is" : "are",
                                   plural(matching.size(), "such crossing"));
    if (matching.size() > kLinesMax) {
      head += fmt::format(", the first {} of them", kLinesMax);
      matching.erase(matching.begin() + kLinesMax, matching.end());
    }
    return head + ":" + lines_of(matching, condition);
  }
  size_t count;
  Condition condition;
};

struct Ordered final : Node {
  explicit Ordered(std::vector<Condition> given) : conditions(std::move(given)) {}
  bool holds(const Crossings& crossings) const override {
    return reached(crossings).size() == conditions.size();
  }
  // As many of them as come in their order, each the first that there is.
  std::vector<Crossing> reached(const Crossings& crossings) const {
    std::vector<Crossing> found;
    for (const Crossing& crossing : crossings) {
      if (found.size() < conditions.size() && conditions[found.size()].matches(crossing))
        found.push_back(crossing);
    }
    return found;
  }
  // The first that is a possible beginning is not always the best one, so each is tried.
  std::optional<std::pair<Time, Time>> met(const Crossings& crossings) const override {
    std::optional<std::pair<Time, Time>> best;
    for (size_t first = 0; first < crossings.size() && !conditions.empty(); ++first) {
      if (!conditions[0].matches(crossings[first])) continue;
      size_t next = 1, at = first + 1;
      Time end = crossings[first].at();
      for (; at < crossings.size() && next < conditions.size(); ++at) {
        if (!conditions[next].matches(crossings[at])) continue;
        end = crossings[at].at();
        ++next;
      }
      if (next < conditions.size()) break;
      const std::pair<Time, Time> span{crossings[first].at(), end};
      if (!best || span.second - span.first < best->second - best->first) best = span;
    }
    return best;
  }
  std::string text() const override {
    std::vector<std::string> texts;
    for (const Condition& condition : conditions) texts.push_back(condition.text());
    return fmt::format("has, in this order, {}", fmt::join(texts, "; then "));
  }
  std::string explain(const Crossings& crossings) const override {
    const std::vector<Crossing> found = reached(crossings);
    std::string text;
    for (size_t i = 0; i < found.size() && i < kLinesMax - 2; ++i)
      text += fmt::format("{}. {}\n", i + 1, cut_line(found[i].text(), kColumns - 4));
    if (found.size() == conditions.size()) return text + "all of them came, in this order";
    const Condition& missing = conditions[found.size()];
    text += fmt::format("{}. is missing: {}", found.size() + 1, missing.text());
    std::optional<Crossing> before;
    for (const Crossing& crossing : crossings) {
      if (!missing.matches(crossing)) continue;
      before = crossing;
      break;
    }
    if (before) return text + "\nit came before, but not behind the others:" + lines_of({*before}, missing);
    return text + "\n" + nearest(crossings, missing);
  }
  std::vector<Condition> conditions;
};

struct In final : Node {
  In(Duration within, std::shared_ptr<const Node> given) : limit(within), inner(std::move(given)) {}
  bool holds(const Crossings& crossings) const override {
    if (const auto span = inner->met(crossings)) return span->second - span->first <= limit;
    if (!has_time) return inner->holds(crossings.before(crossings.origin() + limit));
    return false;
  }
  std::string text() const override { return fmt::format("{} within {}", inner->text(), to_string(limit)); }
  std::string explain(const Crossings& crossings) const override {
    if (const auto span = inner->met(crossings)) {
      return fmt::format("it took {}: from {} to {}", to_string(span->second - span->first),
                         to_string(span->first), to_string(span->second));
    }
    return inner->explain(has_time ? crossings : crossings.before(crossings.origin() + limit));
  }
  Duration limit;
  std::shared_ptr<const Node> inner;
  bool has_time = false;  // it is met at a time, if at all
};

struct AllWithin final : Node {
  explicit AllWithin(Duration within) : limit(within) {}
  bool holds(const Crossings& crossings) const override {
    return crossings.empty() || crossings.back().at() - crossings.front().at() <= limit;
  }
  std::string text() const override { return "are all within " + to_string(limit); }
  std::string explain(const Crossings& crossings) const override {
    return fmt::format("they take {}:", to_string(crossings.back().at() - crossings.front().at())) +
           lines_of({crossings.front(), crossings.back()}, {});
  }
  Duration limit;
};

}  // namespace

Expectation::Expectation(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
Expectation::~Expectation() = default;
bool Expectation::holds(const Crossings& crossings) const { return node_->holds(crossings); }
std::string Expectation::text() const { return node_->text(); }
std::string Expectation::explain(const Crossings& crossings) const {
  return node_->explain(crossings) + lost_text(crossings);
}

Expectation expect_crossing(const Condition& condition) {
  return Expectation(std::make_shared<Has>(condition));
}
Expectation expect_no_crossing(const Condition& condition) { return expect_count(0, condition); }
Expectation expect_count(size_t count, const Condition& condition) {
  return Expectation(std::make_shared<Counts>(count, condition));
}
Expectation expect_in_order(std::vector<Condition> conditions) {
  return Expectation(std::make_shared<Ordered>(std::move(conditions)));
}
Expectation expect_within(Duration limit, const Expectation& expectation) {
  auto node = std::make_shared<In>(limit, expectation.node());
  node->has_time = dynamic_cast<const Counts*>(expectation.node().get()) == nullptr &&
                   dynamic_cast<const AllWithin*>(expectation.node().get()) == nullptr;
  return Expectation(std::move(node));
}
Expectation expect_within(Duration limit) { return Expectation(std::make_shared<AllWithin>(limit)); }

}  // namespace ringside::test
