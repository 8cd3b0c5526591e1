// Crossings: what has passed a wire (a boundary between guest, device, hypervisor and host), with its fields
// by name. They come from a machine (machine.h) or a bench (device.h), which keep the last million of them;
// fields are decoded when somebody asks.
//
//   for (const Crossing& request : m.wire("ring/xvda/request").where(field("operation") == "READ"))
//     total += request.field("nr_segments").number();
//
// A crossing prints as `ringside show` prints it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ringside/error.h"
#include "ringside/export.h"
#include "ringside/time.h"

namespace ringside::test {

// `out` leaves the guest, `in` reaches it.
enum class Direction : uint8_t { out, in };

// A field's value. Enumerations have a number and a name: 0 and "READ" are both equal to it.
class RINGSIDE_API Value {
 public:
  // `bytes`: as many as the field has; a negative number is compared with those.
  Value(std::string text, uint64_t number, bool is_number, size_t bytes = 8)
      : text_(std::move(text)),
        number_(number),
        mask_(bytes >= 8 ? UINT64_MAX : (uint64_t{1} << 8 * bytes) - 1),
        is_number_(is_number) {}

  // As it is shown, without quotes: "READ", "2048", "-5".
  const std::string& text() const { return text_; }
  // Error for a text.
  uint64_t number() const;
  int64_t signed_number() const;
  bool is_number() const { return is_number_; }

  friend bool operator==(const Value& value, std::string_view text) { return value.text_ == text; }
  friend bool operator==(const Value& value, const char* text) { return value.text_ == text; }
  template <std::integral Number>
  friend bool operator==(const Value& value, Number number) {
    const auto wanted = static_cast<uint64_t>(number);
    return value.is_number_ && value.number_ == (std::cmp_less(number, 0) ? wanted & value.mask_ : wanted);
  }

 private:
  std::string text_;
  uint64_t number_;
  uint64_t mask_;
  bool is_number_;
};
RINGSIDE_API std::ostream& operator<<(std::ostream& to, const Value& value);

class CrossingStore;
class Condition;

// A handle: cheap to copy. The crossing itself lives in its machine's store, and leaves that when a million
// have come behind it; it is an Error to look at it then.
class RINGSIDE_API Crossing {
 public:
  // The full name: "dom1/ring/xvda/request".
  const std::string& wire() const;
  Time at() const;
  // Over all wires of its machine, from 1.
  uint64_t sequence() const;
  Direction direction() const;

  // A field by name; one of a list's records as "segments[0].gref". Error with the names that there are.
  Value field(std::string_view name) const;
  bool has_field(std::string_view name) const;
  std::vector<std::string> field_names() const;
  std::vector<uint8_t> bytes() const;

  // A fault has changed or made it; it has been dropped, arrives later, has been failed.
  bool injected() const;
  bool dropped() const;
  bool delayed() const;
  bool failed() const;

  // The fields in one line: "operation=READ nr_segments=1 ...".
  std::string fields_text() const;
  // The line of `ringside show`: time, wire, arrow, fields.
  std::string text() const;

  bool operator==(const Crossing& other) const;

 private:
  friend class CrossingStore;
  friend class Crossings;
  friend class Condition;
  Crossing(std::shared_ptr<CrossingStore> store, uint64_t number)
      : store_(std::move(store)), number_(number) {}
  std::shared_ptr<CrossingStore> store_;
  uint64_t number_ = 0;
};
RINGSIDE_API std::ostream& operator<<(std::ostream& to, const Crossing& crossing);

// Crossings in their order: what has passed the wires of a glob by the time it is looked at.
class RINGSIDE_API Crossings {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Crossing;
    using difference_type = ptrdiff_t;
    using pointer = void;
    using reference = Crossing;
    Crossing operator*() const { return (*crossings_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++at_;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    friend class Crossings;
    Iterator(const Crossings* crossings, size_t at) : crossings_(crossings), at_(at) {}
    const Crossings* crossings_ = nullptr;
    size_t at_ = 0;
  };

  size_t size() const { return numbers_.size(); }
  bool empty() const { return numbers_.empty(); }
  Crossing operator[](size_t index) const;  // Error behind the last
  Crossing front() const { return (*this)[0]; }
  Crossing back() const;
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

  Crossings where(const Condition& condition) const;
  // Those at or behind a time, and before one.
  Crossings since(Time time) const;
  Crossings before(Time time) const;

  // What was asked for: "ring/xvda/request since 1.5ms".
  const std::string& description() const { return description_; }
  // Where the time of these begins: since()'s, else the start of the machine.
  Time origin() const { return origin_; }
  // How many crossings of all wires came before those that the store still has.
  uint64_t lost() const;

 private:
  friend class CrossingStore;
  std::shared_ptr<CrossingStore> store_;
  std::vector<uint64_t> numbers_;
  std::string description_;
  Time origin_{0};
};

// What a crossing is asked for: `field("operation") == "READ" && field("sector_number") >= 2048`. A field of
// a list's records holds when one record's does. A field that a crossing has not, matches nothing.
class RINGSIDE_API Condition {
 public:
  struct Node;
  // Any crossing.
  Condition();
  explicit Condition(std::shared_ptr<const Node> node) : node_(std::move(node)) {}

  bool matches(const Crossing& crossing) const;
  // Of its parts joined by &&, how many match: for telling what was nearly it.
  int nearness(const Crossing& crossing) const;
  // As it was written.
  std::string text() const;
  // The names of fields in it.
  std::vector<std::string> fields() const;

  friend RINGSIDE_API Condition operator&&(const Condition& left, const Condition& right);
  friend RINGSIDE_API Condition operator||(const Condition& left, const Condition& right);
  friend RINGSIDE_API Condition operator!(const Condition& condition);

 private:
  std::shared_ptr<const Node> node_;
};

enum class Comparison : uint8_t { equal, not_equal, less, at_most, greater, at_least, contains };

// A placeholder for a field. Values are numbers, names of an enumeration, texts.
class RINGSIDE_API Field {
 public:
  explicit Field(std::string name) : name_(std::move(name)) {}
  Condition compare(Comparison comparison, std::string value, bool is_text) const;
  Condition contains(const std::string& text) const { return compare(Comparison::contains, text, true); }

 private:
  std::string name_;
};

inline Field field(std::string name) { return Field(std::move(name)); }
// Whether it leaves the guest, or reaches it; whether a fault has had a hand in it.
RINGSIDE_API Condition outgoing();
RINGSIDE_API Condition incoming();
RINGSIDE_API Condition injected();
// Of Crossings of several wires: those of this glob.
RINGSIDE_API Condition on_wire(std::string glob);

namespace detail {
template <std::integral Number>
std::string value_text(Number number) {
  return std::to_string(number);
}
inline std::string value_text(bool value) { return value ? "1" : "0"; }
}  // namespace detail

#define RINGSIDE_COMPARE_FIELD(operation, comparison)                                 \
  inline Condition operator operation(const Field& field, const char* value) {        \
    return field.compare(Comparison::comparison, value, true);                        \
  }                                                                                   \
  inline Condition operator operation(const Field& field, const std::string& value) { \
    return field.compare(Comparison::comparison, value, true);                        \
  }                                                                                   \
  template <std::integral Number>                                                     \
  Condition operator operation(const Field& field, Number value) {                    \
    return field.compare(Comparison::comparison, detail::value_text(value), false);   \
  }
RINGSIDE_COMPARE_FIELD(==, equal)
RINGSIDE_COMPARE_FIELD(!=, not_equal)
RINGSIDE_COMPARE_FIELD(<, less)
RINGSIDE_COMPARE_FIELD(<=, at_most)
RINGSIDE_COMPARE_FIELD(>, greater)
RINGSIDE_COMPARE_FIELD(>=, at_least)
#undef RINGSIDE_COMPARE_FIELD

}  // namespace ringside::test
