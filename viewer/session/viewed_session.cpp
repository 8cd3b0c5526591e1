#include "viewer/session/viewed_session.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "machine/machine.h"
#include "sim/session/reader.h"
#include "viewer/session/foreign_file.h"
#include "viewer/session/grouped_number.h"

namespace ringside::viewer {

namespace {

using SteadyClock = std::chrono::steady_clock;

// Between two looks at the time. A slice is a few milliseconds, and so many records take a fraction of one.
constexpr size_t kRecordsAtOnce = 512;
// Who records writes several times a second; a machine that is stopped by its user longer than that counts
// as one that has gone.
constexpr std::chrono::seconds kStillWritten(3);

// When the file was written to, in the clock that does not jump.
SteadyClock::time_point last_write_to(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return SteadyClock::now() - kStillWritten;
  const auto age = std::chrono::seconds(std::max<time_t>(0, std::time(nullptr) - info.st_mtim.tv_sec));
  return SteadyClock::now() - std::min<std::chrono::seconds>(age, kStillWritten);
}

}  // namespace

struct ViewedSession::Impl final : SessionSink {
  void take(const CrossingView& crossing) override;
  void take(InputRecord&& input) override {
    inputs.push_back({std::move(input), table.empty() ? kNoRow : table.size() - 1});
  }
  void take(EpochDigest&& digest) override { epochs.push_back({digest.at, digest.instructions}); }
  void take(RunOutcome&& met) override { outcome = std::move(met); }

  void add_wires();
  bool read_until(SteadyClock::time_point deadline);
  bool resume();
  void fail(const Error& error);
  bool update_problem();
  std::string judge() const;
  bool is_growing() const {
    return reader && !outcome && !failed && SteadyClock::now() - last_write < kStillWritten;
  }

  std::string path;
  std::optional<SessionReader> reader;
  SessionHeader live_header;
  CrossingTable table;
  std::vector<uint32_t> wires;  // the table's number of each of the reader's
  std::vector<Input> inputs;
  std::vector<Epoch> epochs;
  std::optional<RunOutcome> outcome;
  std::string problem, damage;
  std::optional<uint64_t> disorder;  // the number of the first crossing that goes back
  SteadyClock::time_point last_write;
  bool is_read = false;
  bool failed = false;
};

void ViewedSession::Impl::add_wires() {
  const auto& known = reader->wires();
  while (wires.size() < known.size()) {
    const SessionWire& wire = known[wires.size()];
    wires.push_back(table.add_wire(wire.name, wire.kind, wire.payload_type, wire.capture));
  }
}

// Whoever looks for a row by its time or number relies on their order, which a strange file may not have.
void ViewedSession::Impl::take(const CrossingView& crossing) {
  if (crossing.wire >= wires.size()) add_wires();
  Tick at = crossing.at;
  uint64_t sequence = crossing.sequence;
  if (!table.empty()) {
    const Row last = table.size() - 1;
    if (at < table.at(last) || sequence < table.sequence(last)) [[unlikely]] {
      if (!disorder) disorder = sequence;
      at = std::max(at, table.at(last));
      sequence = std::max(sequence, table.sequence(last));
    }
  }
  table.add(at, sequence, wires[crossing.wire], crossing.direction, crossing.flags, crossing.full_size,
            crossing.payload);
}

// What the reader says is about a session of that name; a problem is shown beside the name.
void ViewedSession::Impl::fail(const Error& error) {
  failed = is_read = true;
  std::string_view text = error.message;
  for (const std::string& begin : {fmt::format("session '{}' ", path), std::string("is ")}) {
    if (text.starts_with(begin)) text.remove_prefix(begin.size());
  }
  damage = text;
}

bool ViewedSession::Impl::read_until(SteadyClock::time_point deadline) {
  bool changed = false;
  while (!is_read) {
    const auto read = reader->read(*this, kRecordsAtOnce);
    add_wires();
    if (!read) {
      fail(read.error());
      return true;
    }
    changed = changed || *read > 0;
    is_read = *read < kRecordsAtOnce;
    if (SteadyClock::now() >= deadline) break;
  }
  return changed;
}

bool ViewedSession::Impl::resume() {
  const uint64_t size = reader->size();
  const auto more = reader->resume();
  if (!more) {
    fail(more.error());
    return true;
  }
  if (reader->size() != size) last_write = SteadyClock::now();
  is_read = !*more;
  return *more;
}

std::string ViewedSession::Impl::judge() const {
  const std::string epoch = fmt::format("epoch {}", grouped(epochs.size()));
  if (failed) {
    return epochs.empty() && table.empty()
               ? damage
               : fmt::format("{}; what is shown ends {} {}", damage, epochs.empty() ? "before" : "behind",
                             epochs.empty() ? "epoch 1" : epoch);
  }
  if (is_read && !outcome && !is_growing()) {
    const uint64_t lost = reader->bytes_lost();
    if (lost == 0) return fmt::format("cut: how the run ended is lost; it is whole up to {}", epoch);
    const std::string bytes = lost == 1 ? "1 byte" : grouped(lost) + " bytes";
    return fmt::format("cut: {} behind {} {} lost", bytes, epochs.empty() ? "the header" : epoch,
                       lost == 1 ? "is" : "are");
  }
  if (disorder) {
    return fmt::format("strange: crossing {} is earlier than the one before it, and stands behind it",
                       grouped(*disorder));
  }
  return {};
}

bool ViewedSession::Impl::update_problem() {
  std::string now = judge();
  if (now == problem) return false;
  problem = std::move(now);
  return true;
}

ViewedSession::ViewedSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ViewedSession::~ViewedSession() = default;

Result<std::unique_ptr<ViewedSession>> ViewedSession::open(const std::string& path) {
  register_all_payload_types();
  auto reader = SessionReader::open(path);
  if (!reader) {
    if (const auto what = foreign_file(path)) return ringside::fail(fmt::format("'{}' {}", path, *what));
    return tl::unexpected(reader.error());
  }
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->reader.emplace(std::move(*reader));
  impl->last_write = last_write_to(path);
  return std::unique_ptr<ViewedSession>(new ViewedSession(std::move(impl)));
}

std::unique_ptr<ViewedSession> ViewedSession::make_live(SessionHeader header) {
  register_all_payload_types();
  auto impl = std::make_unique<Impl>();
  impl->live_header = std::move(header);
  impl->is_read = true;
  return std::unique_ptr<ViewedSession>(new ViewedSession(std::move(impl)));
}

bool ViewedSession::read_for(std::chrono::nanoseconds budget) {
  if (!impl_->reader || impl_->failed) return false;
  bool changed = impl_->is_read && !impl_->outcome && impl_->resume();
  changed = impl_->read_until(SteadyClock::now() + budget) || changed;
  return impl_->update_problem() || changed;
}

bool ViewedSession::is_read() const { return impl_->is_read; }

double ViewedSession::progress() const {
  if (impl_->is_read || impl_->reader->size() == 0) return 1;
  return static_cast<double>(impl_->reader->position()) / static_cast<double>(impl_->reader->size());
}

const std::string& ViewedSession::path() const { return impl_->path; }
const SessionHeader& ViewedSession::header() const {
  return impl_->reader ? impl_->reader->header() : impl_->live_header;
}
CrossingTable& ViewedSession::table() { return impl_->table; }
const CrossingTable& ViewedSession::table() const { return impl_->table; }
const std::vector<ViewedSession::Input>& ViewedSession::inputs() const { return impl_->inputs; }
const std::vector<ViewedSession::Epoch>& ViewedSession::epochs() const { return impl_->epochs; }
const std::optional<RunOutcome>& ViewedSession::outcome() const { return impl_->outcome; }
const std::string& ViewedSession::problem() const { return impl_->problem; }
bool ViewedSession::is_growing() const { return impl_->is_growing(); }

}  // namespace ringside::viewer
