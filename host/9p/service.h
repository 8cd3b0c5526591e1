// What a 9P transport (a Xen ring, a virtio queue, a socket) talks to. One object is one conversation: what a
// client has from its Tversion on, with its own fids, tags and msize. NinePServer (host/9p/server.h) answers
// from a FileTree; a bridge hands messages on to another server.
//
//   transport                          service
//   receive(T message, reply)  ---->   queues it
//                                      ... the request's latency passes ...
//   reply(R message)           <----   from the event queue
//
// The transport frames messages: it hands over as many bytes as size[4] says, at least kHeaderBytes, and is
// the one that refuses a size that the ring or the socket cannot hold. The service checks everything else.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sim/notice.h"
#include "sim/state.h"

namespace ringside {

class NinePService : public Stateful {
 public:
  static constexpr size_t kHeaderBytes = 7;  // size[4] type[1] tag[2]

  // Takes one whole R message, size[4] included.
  using Reply = std::function<void(std::vector<uint8_t> message)>;
  // Hears of what a client does wrong, for the notices of whoever owns the conversation.
  using Complaint = std::function<void(NoticeKind kind, std::string what)>;

  // `message` is one whole T message, size[4] included. `reply` is called at most once, from the event queue,
  // at this tick plus a modelled latency: never from within receive(). It is not called for a request that
  // was flushed (its Tflush is answered) or that a Tversion or reset() has aborted.
  virtual void receive(std::vector<uint8_t> message, Reply reply) = 0;

  // The transport has disconnected: all fids are clunked, what is in flight is forgotten, no reply that was
  // handed over before is called any more. The next message is expected to be a Tversion.
  virtual void reset() = 0;

  // The largest message of either direction: what Tversion agreed on, the service's own limit before that.
  virtual uint32_t msize() const = 0;

  void set_complaint(Complaint complaint) { complaint_ = std::move(complaint); }

 protected:
  bool hears_complaints() const { return complaint_ != nullptr; }
  void complain(NoticeKind kind, std::string what) const {
    if (complaint_) complaint_(kind, std::move(what));
  }

 private:
  Complaint complaint_;
};

}  // namespace ringside
