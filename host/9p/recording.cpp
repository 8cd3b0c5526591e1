// Learning a server's answers from the messages of a recorded conversation.
#include "host/9p/recording.h"

#include <algorithm>
#include <cerrno>

#include "host/9p/message_writer.h"

namespace ringside {

namespace {

uint32_t load_u32(std::span<const uint8_t> bytes, size_t at) {
  return bytes[at] | uint32_t{bytes[at + 1]} << 8 | uint32_t{bytes[at + 2]} << 16 |
         uint32_t{bytes[at + 3]} << 24;
}

uint64_t load_u64(std::span<const uint8_t> bytes, size_t at) {
  return load_u32(bytes, at) | uint64_t{load_u32(bytes, at + 4)} << 32;
}

uint16_t load_u16(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] | bytes[at + 1] << 8);
}

bool is_error(uint8_t type) { return type == ninep::Rlerror || type == ninep::Rerror; }

// A server that has not that much room gives less than there is: that is not the file's end.
constexpr uint32_t kHeaderRoom = 24;

}  // namespace

std::optional<uint32_t> NinePRecording::msize_of(NinePDialect dialect) const {
  const auto found = msizes_.find(dialect);
  return found != msizes_.end() ? std::optional(found->second) : std::nullopt;
}

void NinePRecording::forget(uint16_t tag) { asked_.erase(tag); }

void NinePRecording::fail(uint16_t tag) {
  const auto found = asked_.find(tag);
  if (found != asked_.end()) found->second.fails = true;
}

void NinePRecording::learn(std::span<const uint8_t> message, uint32_t full_size) {
  if (message.size() < ninep::header_bytes) return;
  const uint8_t type = message[4];
  const uint16_t tag = load_u16(message, 5);
  const bool whole = message.size() >= full_size;
  if (type % 2 == 0) {
    ++requests_;
    if (type == ninep::Tversion) asked_.clear();
    // What was cut by the recording's policy has no meaning that could be compared.
    if (whole) {
      asked_[tag] = {{message.begin(), message.end()}};
    } else {
      asked_.erase(tag);
    }
    // The paths of the request's fids are those before its answer; FidPaths keeps them apart.
    recorded_paths_.take(message);
    return;
  }
  const auto found = asked_.find(tag);
  if (found != asked_.end()) {
    const Asked asked = std::move(found->second);
    asked_.erase(found);
    if (asked.fails) {
      NinePWriter error(ninep::Rlerror, tag);
      error.u32(EIO);
      const std::vector<uint8_t> made = error.finish();
      learn_answer(asked, made, true);
    } else {
      learn_answer(asked, message, whole);
    }
  }
  recorded_paths_.take(message);
}

uint32_t NinePRecording::add_change(const NinePMeaning& asked) {
  const uint32_t number = position();
  changes_.push_back({asked.changes});
  for (const std::string& path : asked.changes) {
    std::vector<uint32_t>& of = changes_of_[path];
    if (of.empty() || of.back() != number) of.push_back(number);
  }
  return number;
}

void NinePRecording::learn_qid(const std::string& path, std::span<const uint8_t> qid) {
  if (qid.size() < kQidBytes || path.empty()) return;
  if ((qid[0] & ninep::qid_directory) != 0) directories_.insert(path);
  Place place;
  place.qid.emplace();
  std::copy_n(qid.begin(), kQidBytes, place.qid->begin());
  places_[path].learn(std::move(place), position());
}

void NinePRecording::learn_size(const std::string& path, uint64_t size) {
  sizes_[path].learn(size, position());
}

// Dialects differ in what they write into an error, so that both are kept.
void NinePRecording::learn_walk(const NinePMeaning& asked, const NinePValues& answer, bool failed) {
  std::string path = asked.path;
  std::span<const uint8_t> names = asked.values.at[2].bytes;
  const uint64_t found = failed ? 0 : answer.u64(0);
  const uint64_t wanted = asked.values.u64(2);
  for (uint64_t i = 0; i < wanted && i <= found; ++i) {
    const std::string_view name = ninep_next_name(names);
    path = name == ".." ? ninep_parent(path) : ninep_join(path, name);
    if (i < found) {
      learn_qid(path, answer.at[0].bytes.subspan(i * kQidBytes));
      continue;
    }
    Place place;
    place.error = ENOENT;
    if (failed && answer.count > 0 && answer.at[0].size == 4) place.error = static_cast<int>(answer.u32(0));
    if (failed && answer.count > 0 && answer.at[0].size != 4) place.text = answer.text(0);
    places_[path].learn(std::move(place), position());
  }
}

void NinePRecording::learn_read(const NinePMeaning& asked, const NinePValues& answer) {
  const uint64_t offset = asked.values.u64(1);
  const uint64_t count = asked.values.u64(2);
  const auto data = answer.at[0].bytes;
  if (data.size() > count || offset > UINT64_MAX - data.size()) return;
  contents_[asked.path].learn_read(offset, data);
  const uint32_t msize = msizes_.contains(recorded_paths_.dialect()) ? msizes_[recorded_paths_.dialect()] : 0;
  const bool had_room = data.size() + kHeaderRoom < msize;
  // Behind the end nothing is read, but nobody knows how far behind.
  const auto known = sizes_.find(asked.path);
  const bool at_end = data.empty() && known != sizes_.end() && known->second.last() <= offset;
  if (data.size() < count && had_room && !at_end) learn_size(asked.path, offset + data.size());
}

// Entries of Rreaddir say where they end; those of 9P2000 end where the next begins.
void NinePRecording::learn_entries(const NinePMeaning& asked, std::span<const uint8_t> bytes, bool stat) {
  auto& versions = listings_[(stat ? "stat " : "dirent ") + asked.path];
  const bool same =
      !versions.empty() && between(asked.path, versions.last_position(), position()) == RecordedChanges::none;
  if (!same) versions.learn({}, position());
  Listing& listing = versions.last();
  uint64_t cookie = asked.values.u64(1);
  if (bytes.empty() && asked.values.u64(2) != 0) listing.ends.insert(cookie);
  constexpr size_t kName = kQidBytes + 9;
  while (!bytes.empty()) {
    size_t size = 0;
    uint64_t next = 0;
    if (stat) {
      if (bytes.size() < 2) return;
      size = size_t{2} + load_u16(bytes, 0);
      next = cookie + size;
    } else {
      if (bytes.size() < kName + 2) return;
      size = kName + 2 + load_u16(bytes, kName);
      next = load_u64(bytes, kQidBytes);
    }
    if (size > bytes.size()) return;
    listing.entries.insert_or_assign(
        cookie, Listing::Entry{{bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)}, next});
    bytes = bytes.subspan(size);
    cookie = next;
  }
}

void NinePRecording::learn_attributes(const NinePMeaning& asked, const NinePValues& answer) {
  constexpr size_t kQid = 1, kSize = 7;
  if (answer.count <= kSize) return;
  learn_qid(asked.path, answer.at[kQid].bytes);
  if ((answer.u64(0) & ninep::getattr_size) != 0 && !is_directory(asked.path))
    learn_size(asked.path, answer.u64(kSize));
}

void NinePRecording::learn_answer(const Asked& asked_message, std::span<const uint8_t> answer, bool whole) {
  const NinePMeaning asked = ninep_meaning(asked_message.message, recorded_paths_);
  if (!asked.sound()) return;
  const uint8_t type = answer[4];
  const NinePMessageType* row = ninep_message_type(type);
  const bool failed = is_error(type);
  if (row == nullptr || (!failed && type != asked.type + 1)) return;
  const NinePDialect dialect = recorded_paths_.dialect();
  const NinePValues values = ninep_values(row->fields, dialect, answer, ninep::header_bytes);
  // Of an Rread that the recording has cut, its beginning is known.
  if (!whole && type == ninep::Rread && answer.size() > ninep::header_bytes + 4) {
    const uint64_t offset = asked.values.u64(1);
    const auto data = answer.subspan(ninep::header_bytes + 4);
    if (!asked.unknown_fid && offset <= UINT64_MAX - data.size())
      contents_[asked.path].learn_read(offset, data);
    return;
  }
  if (!whole || !values.problem.empty()) return;
  if (type == ninep::Rversion) {
    const auto agreed = ninep_dialect(values.text(1));
    if (agreed && values.text(1) != "unknown") msizes_[*agreed] = std::max(msizes_[*agreed], values.u32(0));
    return;
  }
  if (asked.unknown_fid || asked.type == ninep::Tversion || asked.type == ninep::Tflush) return;
  if (asked.type == ninep::Twalk) return learn_walk(asked, values, failed);
  if (!failed) {
    switch (type) {
      case ninep::Rread:
        if (is_directory(asked.path)) return learn_entries(asked, values.at[0].bytes, true);
        return learn_read(asked, values);
      case ninep::Rreaddir: return learn_entries(asked, values.at[0].bytes, false);
      case ninep::Rwrite: {
        const auto data = asked.values.at[2].bytes;
        const uint64_t offset = asked.values.u64(1);
        const uint64_t count = std::min<uint64_t>(values.u64(0), data.size());
        if (offset > UINT64_MAX - count) return;
        Change& change = changes_[add_change(asked)];
        change.offset = offset;
        change.left = count;
        contents_[asked.path].learn_write(offset, data.first(static_cast<size_t>(count)));
        const auto size = sizes_.find(asked.path);
        if (size != sizes_.end() && size->second.last() < offset + count)
          learn_size(asked.path, offset + count);
        return;
      }
      case ninep::Rattach: learn_qid("/", values.at[0].bytes); break;
      case ninep::Ropen:
      case ninep::Rlopen: learn_qid(asked.path, values.at[0].bytes); break;
      case ninep::Rgetattr: learn_attributes(asked, values); break;
      case ninep::Rxattrwalk:
        learn_size(asked.path + "(xattr " + std::string(asked.values.text(2)) + ")", values.u64(0));
        break;
      default: break;
    }
  }
  Given given{{answer.begin() + 4, answer.end()}, std::nullopt};
  given.message[1] = given.message[2] = 0;
  if (asked.type == ninep::Tgetattr) given.request_mask = asked.values.u64(1);
  const uint32_t before = position();
  if (!failed && !asked.changes.empty()) given.change = add_change(asked);
  auto& answers = given_[(dialect == NinePDialect::dotl ? "L " : "  ") +
                         (asked.type == ninep::Tgetattr ? "Tgetattr " + asked.path : asked.key)];
  if (given.change) {
    answers.learn_once(std::move(given), before);
  } else {
    answers.learn(std::move(given), before);
  }
  if (failed) return;
  const bool created = asked.type == ninep::Tlcreate || asked.type == ninep::Tcreate;
  const bool truncated =
      (asked.type == ninep::Tlopen || asked.type == ninep::Topen) && !asked.changes.empty();
  if (created) {
    const std::string path = ninep_join(asked.path, asked.values.text(1));
    learn_qid(path, values.at[0].bytes);
    if (!is_directory(path)) learn_size(path, 0);
  } else if (truncated) {
    learn_size(asked.path, 0);
  } else if (asked.type == ninep::Tsetattr && (asked.values.u32(1) & ninep::setattr_size) != 0) {
    learn_size(asked.path, asked.values.u64(5));
  }
}

}  // namespace ringside
