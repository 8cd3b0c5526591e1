// Answering a client from a recorded conversation.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/9p/message_writer.h"
#include "host/9p/recording.h"
#include "sim/hash.h"

namespace ringside {

namespace {

using Answer = NinePRecording::Answer;
using Kind = Answer::Kind;

Answer unknown(std::string why) {
  Answer answer;
  answer.why = std::move(why);
  return answer;
}

Answer error_answer(int error, std::string text = {}) {
  Answer answer;
  answer.kind = Kind::error;
  answer.error = error;
  answer.text = std::move(text);
  return answer;
}

Answer message_answer(NinePWriter&& writer) {
  Answer answer;
  answer.kind = Kind::message;
  answer.message = writer.finish();
  answer.message.erase(answer.message.begin(), answer.message.begin() + 4);
  return answer;
}

// R messages of data: header and count[4].
constexpr uint32_t kReadHeaderBytes = 11;
// What a server leaves free in a message beside data (IOHDRSZ).
constexpr uint32_t kIoHeaderBytes = 24;

}  // namespace

RecordedChanges NinePRecording::between(const std::string& path, uint32_t from, uint32_t to) const {
  const auto of = changes_of_.find(path);
  if (of == changes_of_.end()) return RecordedChanges::none;
  auto change = std::lower_bound(of->second.begin(), of->second.end(), from);
  if (change == of->second.end() || *change >= to) return RecordedChanges::none;
  for (; change != of->second.end() && *change < to; ++change) {
    if (!changes_[*change].done) return RecordedChanges::missing;
  }
  return RecordedChanges::done;
}

Answer NinePRecording::answer(const NinePMeaning& request, NinePDialect dialect, uint32_t bytes_max) {
  history_hash_ = hash_mix(hash_mix(history_hash_, hash64(request.key)), bytes_max);
  const auto count = [&] {
    return static_cast<uint32_t>(std::min<uint64_t>(request.values.u64(2), bytes_max - kReadHeaderBytes));
  };
  switch (request.type) {
    case ninep::Twalk: return walk(request);
    case ninep::Tread:
      if (!is_directory(request.path)) return read(request, count());
      if (dialect == NinePDialect::dotl) return error_answer(EISDIR);
      return list(request, count(), true);
    case ninep::Treaddir: return list(request, count(), false);
    case ninep::Twrite: return write(request);
    default: return other(request, bytes_max);
  }
}

// Name by name: what was walked to in other steps is known as well. A walk that finds its first name and not
// a later one gives the qids that it found.
Answer NinePRecording::walk(const NinePMeaning& request) {
  std::string path = request.path;
  std::span<const uint8_t> names = request.values.at[2].bytes;
  const uint64_t wanted = request.values.u64(2);
  NinePWriter out(ninep::Rwalk, 0);
  out.u16(0);
  uint64_t found = 0;
  for (; found < wanted; ++found) {
    const std::string_view name = ninep_next_name(names);
    path = name == ".." ? ninep_parent(path) : ninep_join(path, name);
    const auto place = places_.find(path);
    const Place* known =
        place == places_.end()
            ? nullptr
            : place->second.ask([&](uint32_t from, uint32_t to) { return between(path, from, to); });
    if (known == nullptr) return unknown(fmt::format("nobody has walked to {}", path));
    if (!known->qid) {
      if (found == 0) return error_answer(known->error, known->text);
      break;
    }
    const auto bytes = out.grow(kQidBytes);
    std::copy(known->qid->begin(), known->qid->end(), bytes.begin());
  }
  out.set_u16(ninep::header_bytes, found);
  return message_answer(std::move(out));
}

// Up to the file's end, where that is known. Bytes in the middle that nobody has read are not known, and a
// part of what was asked for would tell the client that the file ends there.
Answer NinePRecording::read(const NinePMeaning& request, uint32_t count) {
  const uint64_t offset = request.values.u64(1);
  const auto size = sizes_.find(request.path);
  const uint64_t* end = size == sizes_.end() ? nullptr : size->second.ask([&](uint32_t from, uint32_t to) {
    return between(request.path, from, to);
  });
  uint64_t length = count;
  if (end != nullptr) length = std::min<uint64_t>(length, *end - std::min(*end, offset));
  if (length > UINT64_MAX - offset) return error_answer(EINVAL);
  NinePWriter out(ninep::Rread, 0);
  out.u32(length);
  if (length == 0) return message_answer(std::move(out));
  const auto content = contents_.find(request.path);
  if (content == contents_.end()) return unknown(fmt::format("nobody has read {}", request.path));
  const auto got = content->second.read(offset, out.grow(static_cast<size_t>(length)));
  if (got.outcome != RecordedContent::Outcome::as_recorded) {
    return unknown(fmt::format("nobody has read byte {} of {}{}", got.at, request.path,
                               end == nullptr ? ", nor where it ends" : ""));
  }
  return message_answer(std::move(out));
}

Answer NinePRecording::list(const NinePMeaning& request, uint32_t count, bool stat) {
  const auto found = listings_.find((stat ? "stat " : "dirent ") + request.path);
  const Listing* listing =
      found == listings_.end()
          ? nullptr
          : found->second.peek([&](uint32_t from, uint32_t to) { return between(request.path, from, to); });
  if (listing == nullptr) return unknown(fmt::format("nobody has listed {}", request.path));
  NinePWriter out(stat ? ninep::Rread : ninep::Rreaddir, 0);
  out.u32(0);
  uint64_t cookie = request.values.u64(1);
  uint32_t length = 0;
  // Cookies that lead back to an earlier one end with the message's room.
  for (;;) {
    const auto entry = listing->entries.find(cookie);
    if (entry == listing->entries.end()) {
      if (length == 0 && !listing->ends.contains(cookie))
        return unknown(fmt::format("nobody has listed {} from {}", request.path, cookie));
      break;
    }
    const std::vector<uint8_t>& bytes = entry->second.bytes;
    if (bytes.size() > count - length) {
      if (length == 0) return error_answer(EINVAL);
      break;
    }
    std::copy(bytes.begin(), bytes.end(), out.grow(bytes.size()).begin());
    length += static_cast<uint32_t>(bytes.size());
    cookie = entry->second.next;
  }
  out.set_u32(ninep::header_bytes, length);
  return message_answer(std::move(out));
}

// A recorded write has been made again when as many of its bytes have been written.
void NinePRecording::wrote(const std::string& path, uint64_t offset, uint64_t length) {
  const auto of = changes_of_.find(path);
  if (of == changes_of_.end()) return;
  for (const uint32_t number : of->second) {
    Change& change = changes_[number];
    if (change.done || change.left == 0) continue;
    const uint64_t from = std::max(offset, change.offset);
    const uint64_t to = std::min(offset + length, change.offset + change.left);
    if (from >= to) continue;
    // What is left of it stands at its end when it is written from its beginning, as it mostly is.
    if (from == change.offset) change.offset = to;
    change.left -= to - from;
    change.done = change.left == 0;
    // Bytes that two recorded writes wrote the same count for the earlier one.
    if (change.done && from == offset && to == offset + length) return;
  }
}

Answer NinePRecording::write(const NinePMeaning& request) {
  const uint64_t offset = request.values.u64(1);
  const auto data = request.values.at[2].bytes;
  const auto content = contents_.find(request.path);
  if (content == contents_.end()) return unknown(fmt::format("nobody has written to {}", request.path));
  if (offset > UINT64_MAX - data.size()) return error_answer(EFBIG);
  const auto judged = content->second.write(offset, data);
  switch (judged.outcome) {
    case RecordedContent::Outcome::as_recorded: break;
    case RecordedContent::Outcome::failed: return error_answer(EIO);
    case RecordedContent::Outcome::differs:
      return unknown(fmt::format("byte {} of {} was written otherwise", judged.at, request.path));
    case RecordedContent::Outcome::unknown:
      return unknown(fmt::format("nobody has written byte {} of {}", judged.at, request.path));
  }
  wrote(request.path, offset, data.size());
  NinePWriter out(ninep::Rwrite, 0);
  out.u32(data.size());
  return message_answer(std::move(out));
}

Answer NinePRecording::other(const NinePMeaning& request, uint32_t bytes_max) {
  const bool getattr = request.type == ninep::Tgetattr;
  const bool dotl = (request.row->in_dotl && !request.row->in_base);
  // Those of both dialects are looked for under each: what differs between them is in the key.
  auto found = given_.end();
  for (const char* dialect : {"L ", "  "}) {
    if (dotl && *dialect != 'L') continue;
    found = given_.find(dialect + (getattr ? "Tgetattr " + request.path : request.key));
    if (found != given_.end()) break;
  }
  if (found == given_.end()) return unknown("nobody has asked this");
  // A change waits for those of the same thing, and not for others in its directory.
  const std::string& about = request.changes.empty() ? request.path : request.changes.front();
  const auto judge = [&](uint32_t from, uint32_t to) { return between(about, from, to); };
  const Given* next = found->second.peek(judge);
  if (next == nullptr) return unknown("it was asked only behind a change that has not been made");
  if (next->change && found->second.used_up())
    return unknown("it was asked as often, and has been answered each time");
  if (getattr && (request.values.u64(1) & ~next->request_mask) != 0)
    return unknown(
        fmt::format("attributes {:#x} were never asked for", request.values.u64(1) & ~next->request_mask));
  const Given& given = *found->second.ask(judge);
  if (given.change) changes_[*given.change].done = true;
  Answer answer;
  answer.kind = Kind::message;
  answer.message = given.message;
  if (answer.message.size() + 4 > bytes_max)
    return unknown("the recorded answer is longer than msize allows");
  const uint8_t type = answer.message[0];
  const bool has_iounit =
      type == ninep::Ropen || type == ninep::Rlopen || type == ninep::Rcreate || type == ninep::Rlcreate;
  constexpr size_t kIounitAt = 3 + ninep::qid_bytes;
  if (has_iounit && answer.message.size() >= kIounitAt + 4) {
    uint32_t iounit = 0;
    std::memcpy(&iounit, answer.message.data() + kIounitAt, sizeof iounit);
    iounit = std::min(iounit, bytes_max - kIoHeaderBytes);
    std::memcpy(answer.message.data() + kIounitAt, &iounit, sizeof iounit);
  }
  return answer;
}

}  // namespace ringside
