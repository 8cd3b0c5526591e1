#include "ringside/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <ostream>

#include "sim/wire.h"

namespace ringside::test {

namespace {

// From here on a number in hexadecimal is taken for an address.
constexpr uint64_t kAddresses = 1 << 20;
constexpr uint64_t kPage = 4096;

struct HypercallArguments {
  std::string_view name;
  unsigned count, addresses;  // a bit for each that is one
};

// Of those that guests with a runtime of ours make; others are compared by name and result.
constexpr HypercallArguments kHypercalls[] = {
    {"sched_op", 2, 0b10},          {"event_channel_op", 2, 0b10}, {"grant_table_op", 3, 0b10},
    {"memory_op", 2, 0b10},         {"xen_version", 2, 0b10},      {"console_io", 3, 0b100},
    {"vcpu_op", 3, 0b100},          {"set_trap_table", 1, 0b1},    {"set_callbacks", 3, 0b111},
    {"update_va_mapping", 3, 0b11}, {"set_timer_op", 0, 0},        {"vm_assist", 2, 0},
};

// Numbers by the order of their first use.
class Names {
 public:
  std::string of(uint64_t number) {
    const auto [found, is_new] = names_.try_emplace(number, names_.size() + 1);
    (void)is_new;
    return fmt::format("#{}", found->second);
  }

 private:
  std::map<uint64_t, size_t> names_;
};

bool is_hexadecimal(const Value& value) { return value.is_number() && value.text().starts_with("0x"); }

std::string plain_name(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? name : name.substr(dot + 1);
}

// How long it took; and what the two ends of a ring had published by the time that the other one looked.
bool is_time(const std::string& name) {
  return name == "latency" || name == "duration" || name == "req_prod" || name == "req_cons";
}

// The fields of a wire's crossings as they are compared, in their order.
class Line {
 public:
  std::string of(const Crossing& crossing) {
    std::string line = crossing.direction() == Direction::out ? "out" : "in";
    const HypercallArguments* call = nullptr;
    for (const std::string& name : crossing.field_names()) {
      const Value value = crossing.field(name);
      const std::string plain = plain_name(name);
      if (is_time(plain)) continue;
      if (plain == "operation" && crossing.has_field("arg1")) call = find_call(value.text());
      line += fmt::format(" {}={}", name, text_of(crossing, plain, value, call));
    }
    return line;
  }

 private:
  static const HypercallArguments* find_call(const std::string& operation) {
    const std::string_view name = std::string_view(operation).substr(0, operation.find('/'));
    for (const HypercallArguments& call : kHypercalls) {
      if (call.name == name) return &call;
    }
    return nullptr;
  }

  std::string text_of(const Crossing& crossing, const std::string& name, const Value& value,
                      const HypercallArguments* call) {
    const bool is_argument = name.starts_with("arg") && crossing.has_field("arg1");
    if (is_argument) {
      const auto index = static_cast<unsigned>(name.back() - '1');
      if (call == nullptr || index >= call->count || (call->addresses >> index & 1) != 0) return "*";
      return value.text();
    }
    if (!is_hexadecimal(value)) return value.text();
    // What a device reads may be descriptors, which are addresses themselves.
    if (name == "digest" && crossing.has_field("address") && crossing.field("op") == "read") return "*";
    const uint64_t number = value.number();
    if (name == "frame") return names_.of(number);
    if (number < kAddresses || name == "digest" || name == "hash") return value.text();
    return fmt::format("{}+{:#x}", names_.of(number / kPage), number % kPage);
  }

  Names names_;
};

bool any_matches(const std::vector<std::string>& globs, const std::string& wire) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return wire_matches(glob, wire); });
}

using OfWires = std::map<std::string, std::vector<Crossing>>;

OfWires by_wire(const Crossings& crossings, const ComparedWires& which) {
  OfWires wires;
  for (const Crossing& crossing : crossings) {
    const std::string& wire = crossing.wire();
    if (!which.only.empty() && !any_matches(which.only, wire)) continue;
    if (any_matches(which.except, wire)) continue;
    wires[wire].push_back(crossing);
  }
  return wires;
}

std::optional<WireDifference> difference(const std::string& wire, const std::vector<Crossing>& first,
                                         const std::vector<Crossing>& second) {
  Line expected, found;
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    const bool both = i < first.size() && i < second.size();
    if (both && expected.of(first[i]) == found.of(second[i])) continue;
    return WireDifference{wire, i + 1, i < first.size() ? first[i].fields_text() : "",
                          i < second.size() ? second[i].fields_text() : ""};
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> ComparedWires::default_exceptions() {
  return {"hypercall",         "evtchn",           "notice",   "ring/*/indices",
          "xenstore/*indices", "console/*indices", "pio/nmisc"};
}

std::string WireDifference::text() const {
  if (expected.empty())
    return fmt::format("{}: crossing {} is only in the second run: {}", wire, number, found);
  if (found.empty())
    return fmt::format("{}: crossing {} is only in the first run: {}", wire, number, expected);
  return fmt::format("{}: crossing {} differs\n    first run:  {}\n    second run: {}", wire, number,
                     expected, found);
}

std::string ComparedCrossings::text() const {
  if (crossings == 0) return "there was nothing to compare: no wire has had a crossing";
  if (differences.empty()) return fmt::format("{} crossings on {} wires are the same", crossings, wires);
  std::string text = fmt::format("{} of {} wires differ", differences.size(), wires);
  for (const WireDifference& difference : differences) text += "\n  " + difference.text();
  return text;
}

std::ostream& operator<<(std::ostream& to, const ComparedCrossings& compared) {
  return to << compared.text();
}

ComparedCrossings same_crossings(const Crossings& first, const Crossings& second,
                                 const ComparedWires& which) {
  ComparedCrossings compared;
  const OfWires expected = by_wire(first, which);
  OfWires found = by_wire(second, which);
  for (const auto& [wire, crossings] : expected) {
    ++compared.wires;
    compared.crossings += crossings.size();
    if (auto differs = difference(wire, crossings, found[wire])) compared.differences.push_back(*differs);
    found.erase(wire);
  }
  for (const auto& [wire, crossings] : found) {
    ++compared.wires;
    compared.crossings += crossings.size();
    compared.differences.push_back(*difference(wire, {}, crossings));
  }
  return compared;
}

ComparedCrossings same_crossings(const Machine& first, const Machine& second, const ComparedWires& which) {
  return same_crossings(first.wire("*"), second.wire("*"), which);
}

}  // namespace ringside::test
