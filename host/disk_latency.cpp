#include "host/disk_latency.h"

#include <algorithm>
#include <utility>

#include "sim/hash.h"

namespace ringside {

namespace {

constexpr uint64_t kSectorBytes = 512;

// a * b / c without overflow in between, saturating.
uint64_t scale(uint64_t a, uint64_t b, uint64_t c) {
  const auto value = static_cast<unsigned __int128>(a) * b / c;
  return value > UINT64_MAX ? UINT64_MAX : static_cast<uint64_t>(value);
}

}  // namespace

DiskQueue::DiskQueue(const DiskLatency& latency, uint64_t sectors, const Clock& clock, EventQueue& events)
    : latency_(latency), sectors_(sectors), clock_(clock), events_(events) {}

DiskQueue::~DiskQueue() {
  for (auto& [number, request] : active_) events_.cancel(request.event);
}

Tick DiskQueue::seek_time(uint64_t from, uint64_t to) const {
  if (from == to) return {};
  const uint64_t distance = from < to ? to - from : from - to;
  const uint64_t span =
      latency_.seek_max > latency_.seek_min ? (latency_.seek_max - latency_.seek_min).ps : 0;
  return saturating_add(latency_.seek_min, Tick{scale(span, distance, std::max<uint64_t>(sectors_, 1))});
}

Tick DiskQueue::transfer_time(uint64_t bytes) const {
  constexpr uint64_t kPicosecondsPerSecond = 1'000'000'000'000;
  return {scale(bytes, kPicosecondsPerSecond, std::max<uint64_t>(latency_.bytes_per_second, 1))};
}

void DiskQueue::submit(uint64_t sector, uint64_t bytes, Done done) {
  Request request;
  request.sector = sector;
  request.bytes = bytes;
  request.done = std::move(done);
  enqueue(std::move(request));
}

void DiskQueue::submit_flush(Done done) {
  Request request;
  request.is_flush = true;
  request.done = std::move(done);
  enqueue(std::move(request));
}

void DiskQueue::enqueue(Request request) {
  if (active_.size() < std::max<uint32_t>(latency_.queue_depth, 1)) {
    start(std::move(request));
  } else {
    waiting_.push_back(std::move(request));
  }
}

void DiskQueue::start(Request request) {
  const uint64_t number = ++last_number_;
  Tick cost = latency_.command;
  if (request.is_flush) {
    cost = saturating_add(cost, latency_.flush);
  } else if (request.bytes != 0) {
    cost = saturating_add(cost, seek_time(head_, request.sector));
    head_ = request.sector + request.bytes / kSectorBytes;
  }
  const Tick at = saturating_add(clock_.now, cost);
  Request& active = active_.emplace(number, std::move(request)).first->second;
  active.event = events_.schedule(at, "disk/seek", [this, number] { transfer(number); });
}

void DiskQueue::transfer(uint64_t number) {
  Request& request = active_.at(number);
  if (request.bytes == 0) return finish(number);
  channel_free_at_ = saturating_add(std::max(clock_.now, channel_free_at_), transfer_time(request.bytes));
  request.event = events_.schedule(channel_free_at_, "disk/transfer", [this, number] { finish(number); });
}

void DiskQueue::finish(uint64_t number) {
  const auto place = active_.find(number);
  const Done done = std::move(place->second.done);
  active_.erase(place);
  if (!waiting_.empty()) {
    Request next = std::move(waiting_.front());
    waiting_.pop_front();
    start(std::move(next));
  }
  done();
}

void DiskQueue::visit_state(StateVisitor& visitor) const {
  uint64_t requests = 0;
  for (const auto& [number, request] : active_) {
    requests = hash_mix(requests, number);
    requests = hash_mix(requests, request.sector);
    requests = hash_mix(requests, request.bytes);
  }
  for (const Request& request : waiting_) {
    requests = hash_mix(requests, request.sector);
    requests = hash_mix(requests, request.bytes);
  }
  visitor.number("queue_active", active_.size());
  visitor.number("queue_waiting", waiting_.size());
  visitor.number("queue_requests", requests);
  visitor.number("queue_head", head_);
  visitor.number("queue_channel_free_at", channel_free_at_.ps);
}

}  // namespace ringside
