#include "viewer/session/row_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/fault/fault_actions.h"
#include "sim/message_renderer.h"
#include "viewer/session/kept_fields.h"
#include "viewer/session/verbs.h"

namespace ringside::viewer {

namespace {
using SteadyClock = std::chrono::steady_clock;
constexpr Row kRowsAtOnce = 256;  // between two looks at the time
}  // namespace

struct RowText::Impl {
  explicit Impl(const CrossingTable& shown) : table(shown), history(shown.history()) {}

  bool in_order(Row row) const {
    const PayloadType* type = table.wire_of(row).type;
    return type != nullptr && type->make_renderer != nullptr;
  }
  void forget_old_history();
  void decode_to(Row end);
  std::vector<DecodedField> fields(Row row);

  const CrossingTable& table;
  uint64_t history;
  SessionDecoder decoder;
  Row decoded = 0;        // rows before this one that must be decoded in order have been
  std::vector<Row> rows;  // which they are; kept has their fields
  KeptFields kept;
  Verbs verbs;
};

// A decoder cannot go back: where rows that it has seen are gone, it begins anew.
void RowText::Impl::forget_old_history() {
  if (history == table.history()) return;
  const bool lost = table.kept_since(history) < decoded;
  history = table.history();
  if (!lost) return;
  decoder = {};
  decoded = 0;
  rows.clear();
  kept.clear();
}

void RowText::Impl::decode_to(Row end) {
  for (; decoded < end; ++decoded) {
    if (!in_order(decoded)) continue;
    const ViewedWire& wire = table.wire_of(decoded);
    rows.push_back(decoded);
    kept.add(decoder.decode(*wire.type, wire.name, table.payload(decoded), table.full_size(decoded)));
  }
}

std::vector<DecodedField> RowText::Impl::fields(Row row) {
  if (row >= table.size()) return {};
  const PayloadType* type = table.wire_of(row).type;
  if (type == nullptr) return {};
  if (type->make_renderer == nullptr) return decode(*type, table.payload(row));
  forget_old_history();
  decode_to(row + 1);
  const auto place = std::lower_bound(rows.begin(), rows.end(), row);
  return kept.get(static_cast<size_t>(place - rows.begin()));
}

RowText::RowText(const CrossingTable& table) : impl_(std::make_unique<Impl>(table)) {}
RowText::~RowText() = default;

bool RowText::prepare_for(std::chrono::nanoseconds budget) {
  const auto deadline = SteadyClock::now() + budget;
  impl_->forget_old_history();
  const Row end = impl_->table.size();
  while (impl_->decoded < end) {
    impl_->decode_to(impl_->decoded + std::min<Row>(kRowsAtOnce, end - impl_->decoded));
    if (SteadyClock::now() >= deadline) break;
  }
  return impl_->decoded == end;
}

std::vector<DecodedField> RowText::fields(Row row) { return impl_->fields(row); }

std::string RowText::line(Row row) {
  const CrossingTable& table = impl_->table;
  if (row >= table.size()) return {};
  const auto marks = fault_marks(table.flags(row));
  const bool cut = table.payload(row).size() < table.full_size(row);
  return to_line(impl_->fields(row)) + (cut ? " (cut)" : "") +
         (marks.empty() ? std::string() : fmt::format(" [injected: {}]", fmt::join(marks, ", ")));
}

std::string_view RowText::verb(Row row) {
  const CrossingTable& table = impl_->table;
  if (row >= table.size()) return {};
  return impl_->verbs.verb(table.wire_of(row).type, table.payload(row));
}

size_t RowText::bytes() const { return impl_->kept.bytes() + impl_->rows.capacity() * sizeof(Row); }

}  // namespace ringside::viewer
