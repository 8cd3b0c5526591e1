#include "checkers/9p/ninep_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ringside {

namespace {

using namespace ninep;

uint64_t load(std::span<const uint8_t> bytes, size_t at, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = size; i-- > 0;) value = value << 8 | bytes[at + i];
  return value;
}

// Which fields of a type the rules look at, by their place in its row; -1: it has none.
struct Places {
  int8_t count = -1, old_tag = -1, new_fid = -1;
  std::array<int8_t, 2> fids{-1, -1};  // that must be there already
};

Places places_of(const NinePMessageType& row) {
  Places places;
  int8_t at = 0;
  for (const NinePField& field : row.fields) {
    const bool made = field.name == "newfid" || (row.type == Tattach && field.name == "fid") ||
                      (row.type == Tauth && field.name == "afid");
    if (made) {
      places.new_fid = at;
    } else if (field.format == NinePFormat::fid && !field.dotl_only) {
      (places.fids[0] < 0 ? places.fids[0] : places.fids[1]) = at;
    } else if (field.name == "oldtag") {
      places.old_tag = at;
    } else if (field.name == "count" || field.name == "wname" || field.name == "data") {
      places.count = at;
    }
    ++at;
  }
  return places;
}

// No field that one dialect lacks stands before another one that is looked at.
const Places& places(uint8_t type) {
  static const auto table = [] {
    std::array<Places, 256> all;
    for (unsigned number = 0; number < all.size(); ++number) {
      if (const NinePMessageType* row = ninep_message_type(static_cast<uint8_t>(number)))
        all[number] = places_of(*row);
    }
    return all;
  }();
  return table[type];
}

bool is_request(uint8_t type) { return (type & 1) == 0; }
bool is_error(uint8_t type) { return type == Rerror || type == Rlerror; }
bool ends_its_fid(uint8_t type) { return type == Tclunk || type == Tremove; }
bool makes_a_fid(uint8_t type) {
  return type == Tattach || type == Tauth || type == Twalk || type == Txattrwalk;
}
bool opens(uint8_t type) { return type == Topen || type == Tcreate || type == Tlopen || type == Tlcreate; }

}  // namespace

NinePSession::Fid* NinePSession::find_fid(uint32_t number) {
  const auto found = fids_.find(number);
  return found != fids_.end() ? &found->second : nullptr;
}

void NinePSession::put_fid(uint32_t number, Fid fid) {
  if (fids_.size() >= kKeptMax) followed_ = false;
  if (followed_) fids_[number] = fid;
}

NinePSession::Pending* NinePSession::find_pending(uint16_t tag) {
  const auto found = std::find_if(pending_.begin(), pending_.end(),
                                  [tag](const Pending& pending) { return pending.tag == tag; });
  return found != pending_.end() ? &*found : nullptr;
}

void NinePSession::put_pending(const Pending& pending) {
  if (Pending* same = find_pending(pending.tag)) {
    *same = pending;
  } else if (pending_.size() < kKeptMax) {
    pending_.push_back(pending);
  } else {
    followed_ = false;
  }
}

void NinePSession::drop_pending(Pending* pending) {
  *pending = pending_.back();
  pending_.pop_back();
}

// intro(5): size[4] type[1] tag[2], then the fields of its type.
bool NinePSession::well_formed(const Message& message, bool request, NinePValues& values,
                               const Report& report) const {
  const std::span<const uint8_t> bytes = message.bytes;
  const NinePMessageType* row = bytes.size() >= header_bytes ? ninep_message_type(bytes[4]) : nullptr;
  if (row != nullptr && load(bytes, 0, 4) == bytes.size())
    values = ninep_values(row->fields, dialect_, bytes, header_bytes);
  if (row == nullptr || load(bytes, 0, 4) != bytes.size() || !values.problem.empty()) {
    report("malformed", ninep_message_problem(bytes, dialect_).value_or("?"));
    return false;
  }
  const bool known = dialect_ == NinePDialect::base ? row->in_base : row->in_dotl || row->type == Rerror;
  if (is_request(row->type) != request || row->type == Terror || row->type == Tlerror || !known) {
    report("malformed",
           fmt::format("{} is no {} of this dialect", row->name, request ? "request" : "answer"));
    return false;
  }
  if (msize_ != 0 && bytes.size() > msize_)
    report("message_exceeds_msize",
           fmt::format("{} of {} bytes, where {} were agreed on", row->name, bytes.size(), msize_));
  return true;
}

// version(5): all that went before is void; the tag should be NOTAG.
void NinePSession::version_asked(const Message& message, uint16_t tag, const Report& report) {
  if (tag != notag) report("notag_misused", fmt::format("Tversion with tag {}", tag));
  end(report);
  if (!message.arrives) return;
  fids_.clear();
  pending_.clear();
  followed_ = true;
  ever_attached_ = began_ = false;
  msize_ = 0;
  dialect_ = NinePDialect::dotl;
  put_pending({.tag = tag, .type = Tversion, .count = load(message.bytes, header_bytes, 4)});
}

void NinePSession::request(const Message& message, const Report& report) {
  NinePValues values;
  if (!well_formed(message, true, values, report)) {
    if (message.bytes.size() >= header_bytes)
      put_pending(
          {.tag = static_cast<uint16_t>(load(message.bytes, 5, 2)), .type = message.bytes[4], .odd = true});
    return;
  }
  const NinePMessageType& row = *ninep_message_type(message.bytes[4]);
  const auto tag = static_cast<uint16_t>(load(message.bytes, 5, 2));
  if (row.type == Tversion) return version_asked(message, tag, report);
  if (!began_) report("request_before_version", fmt::format("{} before a Tversion was answered", row.name));
  if (tag == notag) report("notag_misused", fmt::format("{} with NOTAG", row.name));
  if (!followed_) return;
  const Pending* same = find_pending(tag);
  if (same != nullptr && !same->flushed && !same->odd) {
    report("tag_reused", fmt::format("{} with tag {}, which {} has in flight", row.name, tag,
                                     ninep_message_type(same->type)->name));
    make_unsure(*same);
  }
  Pending pending{.tag = tag, .type = row.type};
  judge_fids(row, values, pending, report);
  judge_use(row, pending, report);
  const Places& at = places(row.type);
  if (at.old_tag >= 0) pending.old_tag = static_cast<uint16_t>(values.u32(static_cast<size_t>(at.old_tag)));
  if (at.count >= 0) pending.count = values.u64(static_cast<size_t>(at.count));
  if (message.arrives) begin(pending);
  // One that a fault drops is in flight for its client all the same.
  put_pending(pending);
  if (!message.genuine) make_unsure(pending);
}

// Every fid that a request names must be there, and every one that it makes must not.
void NinePSession::judge_fids(const NinePMessageType& row, const NinePValues& values, Pending& pending,
                              const Report& report) {
  const Places& at = places(row.type);
  for (const int8_t place : at.fids) {
    if (place < 0) continue;
    const uint32_t number = values.u32(static_cast<size_t>(place));
    // attach(5): no authentication.
    if (row.type == Tattach && number == nofid) continue;
    if (pending.fid == nofid) pending.fid = number;
    const Fid* fid = find_fid(number);
    if (fid != nullptr && fid->state != FidState::ending) continue;
    report("fid_unknown",
           fmt::format("{}: {} {} is {}", row.name, row.fields[static_cast<size_t>(place)].name, number,
                       fid == nullptr ? "not there" : "being clunked"));
  }
  if (at.new_fid < 0) return;
  pending.new_fid = values.u32(static_cast<size_t>(at.new_fid));
  judge_new_fid(row, pending.new_fid, pending, report);
}

// walk(5): "newfid must not be in use unless it is the same as fid"; attach(5).
void NinePSession::judge_new_fid(const NinePMessageType& row, uint32_t number, const Pending& pending,
                                 const Report& report) {
  if (row.type == Twalk && number == pending.fid) return;
  if (number == nofid) return report("fid_in_use", fmt::format("{}: the new fid is NOFID", row.name));
  const Fid* fid = find_fid(number);
  if (fid != nullptr && fid->state != FidState::unsure)
    report("fid_in_use", fmt::format("{}: fid {} is in use", row.name, number));
}

// read(5), open(5).
void NinePSession::judge_use(const NinePMessageType& row, const Pending& pending, const Report& report) {
  const Fid* fid = find_fid(pending.fid);
  if (fid == nullptr) return;
  const bool moves = row.type == Tread || row.type == Twrite || row.type == Treaddir;
  if (moves && fid->state == FidState::made)
    report("fid_not_open", fmt::format("{}: fid {} was not opened", row.name, pending.fid));
  if (opens(row.type) && fid->state == FidState::open)
    report("fid_opened_again", fmt::format("{}: fid {} is open", row.name, pending.fid));
}

// clunk(5), remove(5): from here on it is no more, whatever the answer.
void NinePSession::begin(const Pending& pending) {
  if (!ends_its_fid(pending.type)) return;
  if (Fid* fid = find_fid(pending.fid)) fid->state = FidState::ending;
}

void NinePSession::make_unsure(const Pending& pending) {
  if (ends_its_fid(pending.type) || opens(pending.type) || pending.type == Txattrcreate) {
    if (Fid* fid = find_fid(pending.fid)) fid->state = FidState::unsure;
  }
  if (makes_a_fid(pending.type) && pending.new_fid != nofid && pending.new_fid != pending.fid)
    put_fid(pending.new_fid, {FidState::unsure, false});
}

void NinePSession::response(const Message& message, const Report& report) {
  NinePValues values;
  if (!well_formed(message, false, values, report)) {
    // Which request it was for is as it says, where it says it.
    if (message.bytes.size() < header_bytes || !message.arrives) return;
    Pending* found = find_pending(static_cast<uint16_t>(load(message.bytes, 5, 2)));
    if (found == nullptr) return;
    make_unsure(*found);
    return drop_pending(found);
  }
  if (!followed_) return;
  const NinePMessageType& row = *ninep_message_type(message.bytes[4]);
  const auto tag = static_cast<uint16_t>(load(message.bytes, 5, 2));
  Pending* found = find_pending(tag);
  if (found == nullptr)
    return report("reply_without_request",
                  fmt::format("{} with tag {}, which nobody waits for", row.name, tag));
  if (found->odd) return drop_pending(found);
  const Pending pending = *found;
  const std::string_view asked = ninep_message_type(pending.type)->name;
  if (pending.flushed)
    return report(
        "reply_after_flush",
        fmt::format("{} with tag {}: that {} was flushed, and Rflush has gone out", row.name, tag, asked));
  // A fault keeps it from the client, which waits on.
  if (!message.arrives) return make_unsure(pending);
  drop_pending(found);
  const bool failed = is_error(row.type);
  const uint8_t error = dialect_ == NinePDialect::dotl && pending.type != Tversion ? Rlerror : Rerror;
  if (failed ? row.type != error && pending.type != Tversion : row.type != pending.type + 1) {
    make_unsure(pending);
    return report("reply_type", fmt::format("{} answers {} with tag {}", row.name, asked, tag));
  }
  if (!message.genuine) make_unsure(pending);
  if (ends_its_fid(pending.type)) {
    fids_.erase(pending.fid);
  } else if (!failed) {
    complete(pending, row, values, report);
  }
}

void NinePSession::complete(const Pending& pending, const NinePMessageType& row, const NinePValues& values,
                            const Report& report) {
  const uint64_t first = values.count > 0 ? values.at[0].number : 0;
  switch (pending.type) {
    case Tversion:
      began_ = true;
      msize_ = static_cast<uint32_t>(first);
      if (first > pending.count)
        report(
            "message_exceeds_msize",
            fmt::format("Rversion's msize {} is larger than {}, which was asked for", first, pending.count));
      dialect_ = ninep_dialect(values.text(1)).value_or(NinePDialect::base);
      began_ = ninep_dialect(values.text(1)).has_value();
      return;
    case Tattach: ever_attached_ = true; return put_fid(pending.new_fid, {FidState::made, true});
    case Tauth: return put_fid(pending.new_fid, {FidState::open, false});
    case Twalk:
      if (first > pending.count)
        report("reply_exceeds_count",
               fmt::format("Rwalk of {} names, where {} were to walk", first, pending.count));
      // Only a walk of all names makes the fid. Linux's client clunks it all the same, and the server's error
      // harms nobody.
      if (pending.new_fid != pending.fid)
        put_fid(pending.new_fid, {first == pending.count ? FidState::made : FidState::unsure, false});
      return;
    case Txattrwalk: return put_fid(pending.new_fid, {FidState::open, false});
    case Topen:
    case Tcreate:
    case Tlopen:
    case Tlcreate:
    case Txattrcreate:
      if (Fid* fid = find_fid(pending.fid)) fid->state = FidState::open;
      return;
    case Tread:
    case Twrite:
    case Treaddir:
      if (first > pending.count)
        report("reply_exceeds_count",
               fmt::format("{} of {} bytes, where {} were asked for", row.name, first, pending.count));
      return;
    case Tflush: return flush_answered(pending);
    default: return;
  }
}

// flush(5): with Rflush the old tag is free, and its request either was answered before or has no answer.
void NinePSession::flush_answered(const Pending& flush) {
  Pending* old = find_pending(flush.old_tag);
  if (old == nullptr || old->flushed || old->odd) return;
  make_unsure(*old);
  old->flushed = true;
}

void NinePSession::end(const Report& report) {
  if (!followed_ || !ever_attached_) return;
  uint64_t left = 0;
  uint32_t lowest = nofid;
  for (const auto& [number, fid] : fids_) {
    if (fid.attached && fid.state != FidState::ending) return;
    if (fid.state != FidState::made && fid.state != FidState::open) continue;
    ++left;
    lowest = std::min(lowest, number);
  }
  if (left != 0)
    report("fid_leaked", fmt::format("{} fids were never clunked (the lowest is {}), though all that were "
                                     "attached were",
                                     left, lowest));
}

}  // namespace ringside
