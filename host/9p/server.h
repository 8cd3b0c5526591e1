// A 9P server over a FileTree: one conversation. It speaks 9P2000 (Plan 9 manual, section 5) and 9P2000.L
// (diod's protocol.md) as Tversion says.
//
// A request waits for its latency and is carried out at the tick of its answer, in the order of arrival; so a
// request that is flushed before that has never happened, which is what flush(5) lets a client assume.
// Tflush and the aborting half of Tversion act when they arrive.
//
//   receive()  ->  pending_  --latency-->  serve_first(): decode by the table, the handler, the reply
//
// The handlers are by concern: session (version, attach, walk, clunk), names, open, io, attributes, stat
// (9P2000's), locks. README.md says what is modelled and what is not.
#pragma once

#include <bitset>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/9p/fid.h"
#include "host/9p/file_tree.h"
#include "host/9p/message_writer.h"
#include "host/9p/messages.h"
#include "host/9p/permissions.h"
#include "host/9p/service.h"
#include "sim/clock.h"
#include "sim/event_queue.h"

namespace ringside {

struct NinePServerConfig {
  std::string name;  // the share's; an aname, besides "" and "/"
  uint32_t msize_max = 512 * 1024;
  // From the request's arrival to its answer: a fixed part, and one for each byte of the request and of the
  // data that it asks for. About what QEMU's server takes for a file in the page cache: 4 KiB in 11 us.
  Tick latency = microseconds(10);
  Tick latency_per_byte = picoseconds(250);
  uint32_t fids_max = 65'536;
  uint32_t requests_max = 4096;              // in flight
  uint64_t request_bytes_max = 64ull << 20;  // of them all
  uint64_t value_bytes_max = 16ull << 20;    // of extended attributes that fids hold
  // Users by name; root (0) and nobody (65534) are always known, a number is its own name.
  std::vector<NinePUser> users;
};

// Zero is no error. The text is for Rerror, where it says more than the number's own.
struct NinePError {
  constexpr NinePError() = default;
  constexpr NinePError(int errno_number, std::string_view message = {})
      : number(errno_number), text(message) {}
  constexpr explicit operator bool() const { return number != 0; }
  int number = 0;
  std::string_view text;
};

class NinePServer final : public NinePService {
 public:
  static constexpr uint32_t kMsizeMin = 4096;
  static constexpr uint32_t kIoHeaderBytes =
      24;  // IOHDRSZ: more than any header of Tread, Twrite and their answers

  // The tree may be shared by several conversations.
  NinePServer(const NinePServerConfig& config, FileTree& tree, const Clock& clock, EventQueue& events);
  ~NinePServer() override;
  NinePServer(const NinePServer&) = delete;
  NinePServer& operator=(const NinePServer&) = delete;

  void receive(std::vector<uint8_t> message, Reply reply) override;
  void reset() override;
  uint32_t msize() const override { return msize_; }
  // Nothing before Tversion has been answered.
  std::optional<NinePDialect> dialect() const { return dialect_; }
  size_t fids() const { return fids_.size(); }
  size_t in_flight() const { return pending_.size() + flushes_.size(); }

  void visit_state(StateVisitor& visitor) const override;

 private:
  using Handler = NinePError (NinePServer::*)(const NinePValues& in, NinePWriter& out);
  static Handler handler_of(uint8_t type);

  struct Pending {
    std::vector<uint8_t> message;
    Reply reply;
    EventQueue::Handle event;
    NinePError refused;     // decided on arrival: the message is not looked at
    bool owns_tag = false;  // counts as in use
  };

  // The queue (server.cpp).
  NinePError admit(const std::vector<uint8_t>& message);
  void queue(Pending request);
  Tick latency_of(const std::vector<uint8_t>& message) const;
  bool renews_session(const std::vector<uint8_t>& message) const;
  void receive_flush(Pending request);
  void flush(uint16_t old_tag);
  void complain_of(const std::vector<uint8_t>& message, const NinePValues& values) const;
  void serve_first();
  void serve_first_flush();
  std::vector<uint8_t> serve(const Pending& request);
  NinePError dispatch(const std::vector<uint8_t>& message, NinePWriter& out);
  void write_error(NinePWriter& out, NinePDialect dialect, const NinePError& error) const;
  void abort_all();
  void clunk_all();

  // Fids.
  NinePFid* find_fid(uint32_t number);
  NinePError add_fid(uint32_t number, NinePFid fid);
  NinePError release(NinePFid& fid, uint32_t number);
  std::shared_ptr<const Credentials> user_of(std::string_view name, uint32_t number) const;
  std::optional<uint32_t> user_number(std::string_view name) const;
  std::string user_name(uint32_t number) const;

  // What may be done: each gives the error, or none.
  bool may(const NinePFid& fid, const FileStatus& file, uint32_t access_bits) const;
  NinePError check_create(const NinePFid& directory, std::string_view name) const;
  NinePError check_remove(const NinePFid& who, const FileRef& directory, std::string_view name) const;
  NinePError check_rename(const NinePFid& who, const FileTree::Place& from, const NinePFid& to,
                          std::string_view new_name) const;
  NinePError check_open(const NinePFid& fid, uint32_t access_bits);
  FileTree::Place place_of(const NinePFid& fid) const;
  void set_open(NinePFid& fid, uint32_t access_bits);
  NinePError make(const NinePValues& in, NinePWriter& out, NewFile file);
  NinePError read_attribute(const NinePFid& fid, uint64_t offset, uint32_t count, NinePWriter& out);
  NinePError read_directory(NinePFid& fid, uint64_t offset, uint32_t count, NinePWriter& out);
  NinePError write_attribute(NinePFid& fid, uint64_t offset, std::span<const uint8_t> data, NinePWriter& out);
  NinePError commit_attribute(NinePFid& fid);
  NinePError check_attribute_write(const NinePFid& fid, std::string_view name) const;
  NinePError check_wstat_fixed(const NinePFid& fid, const NinePValues& stat) const;
  NinePError check_wstat(const NinePFid& fid, const NinePValues& stat, AttributeChanges& changes) const;
  void drop_set_id_bits(const NinePFid& fid);
  void write_qid(NinePWriter& out, const FileRef& file) const;
  void write_stat(NinePWriter& out, const FileRef& file, std::string_view name) const;
  uint32_t iounit() const { return msize_ - kIoHeaderBytes; }

  // One for each T message.
  NinePError version(const NinePValues& in, NinePWriter& out);
  NinePError auth(const NinePValues& in, NinePWriter& out);
  NinePError attach(const NinePValues& in, NinePWriter& out);
  NinePError walk(const NinePValues& in, NinePWriter& out);
  NinePError clunk(const NinePValues& in, NinePWriter& out);
  NinePError remove(const NinePValues& in, NinePWriter& out);
  NinePError open(const NinePValues& in, NinePWriter& out);
  NinePError create(const NinePValues& in, NinePWriter& out);
  NinePError read(const NinePValues& in, NinePWriter& out);
  NinePError write(const NinePValues& in, NinePWriter& out);
  NinePError stat(const NinePValues& in, NinePWriter& out);
  NinePError wstat(const NinePValues& in, NinePWriter& out);
  NinePError statfs(const NinePValues& in, NinePWriter& out);
  NinePError lopen(const NinePValues& in, NinePWriter& out);
  NinePError lcreate(const NinePValues& in, NinePWriter& out);
  NinePError symlink(const NinePValues& in, NinePWriter& out);
  NinePError mknod(const NinePValues& in, NinePWriter& out);
  NinePError rename(const NinePValues& in, NinePWriter& out);
  NinePError readlink(const NinePValues& in, NinePWriter& out);
  NinePError getattr(const NinePValues& in, NinePWriter& out);
  NinePError setattr(const NinePValues& in, NinePWriter& out);
  NinePError xattrwalk(const NinePValues& in, NinePWriter& out);
  NinePError xattrcreate(const NinePValues& in, NinePWriter& out);
  NinePError readdir(const NinePValues& in, NinePWriter& out);
  NinePError fsync(const NinePValues& in, NinePWriter& out);
  NinePError lock(const NinePValues& in, NinePWriter& out);
  NinePError getlock(const NinePValues& in, NinePWriter& out);
  NinePError link(const NinePValues& in, NinePWriter& out);
  NinePError mkdir(const NinePValues& in, NinePWriter& out);
  NinePError renameat(const NinePValues& in, NinePWriter& out);
  NinePError unlinkat(const NinePValues& in, NinePWriter& out);

  const NinePServerConfig config_;
  FileTree& tree_;
  const Clock& clock_;
  EventQueue& events_;
  const uint64_t conversation_;

  std::optional<NinePDialect> dialect_;
  uint32_t msize_;
  std::map<uint32_t, NinePFid> fids_;
  std::deque<Pending> pending_, flushes_;  // in the order of their events
  std::bitset<65'536> tags_;               // in use
  uint64_t pending_bytes_ = 0;
  uint64_t value_bytes_ = 0;  // of the fids' extended attributes
  Tick last_due_;             // of pending_: no answer overtakes another
  // Over all that was received and when: the fids are what that made of them.
  uint64_t received_hash_ = 0;
};

}  // namespace ringside
