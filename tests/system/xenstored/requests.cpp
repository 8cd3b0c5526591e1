#include "tests/system/xenstored/requests.h"

#include <fmt/format.h>

#include <iterator>

#include "hv-model/xen_abi.h"

namespace ringside {

namespace {

const std::string kNul(1, '\0');

struct Weight {
  uint32_t type;
  unsigned weight;
};
constexpr Weight kWeights[] = {
    {XS_WRITE, 60},
    {XS_READ, 24},
    {XS_MKDIR, 20},
    {XS_RM, 16},
    {XS_DIRECTORY, 14},
    {XS_DIRECTORY_PART, 8},
    {XS_SET_PERMS, 24},
    {XS_GET_PERMS, 10},
    {XS_WATCH, 16},
    {XS_UNWATCH, 8},
    {XS_TRANSACTION_START, 14},
    {XS_TRANSACTION_END, 16},
    {XS_GET_DOMAIN_PATH, 2},
    {XS_IS_DOMAIN_INTRODUCED, 4},
    {XS_INTRODUCE, 3},
    {XS_RELEASE, 2},
    {XS_RESUME, 2},
    {XS_SET_TARGET, 2},
    {XS_RESET_WATCHES, 1},
    {XS_CONTROL, 1},
};

}  // namespace

std::string RequestMaker::odd_path() {
  static const std::string kOdd[] = {"",
                                     "/",
                                     "//",
                                     "/a//b",
                                     "/a/",
                                     "a/",
                                     "a//b",
                                     "/a b",
                                     "/a.b",
                                     "a:b",
                                     "/\xc3\xa4",
                                     "@introduceDomain",
                                     "@releaseDomain",
                                     "@bogus",
                                     "@",
                                     "/@introduceDomain",
                                     "@introduceDomain/x",
                                     "/local",
                                     "/local/domain",
                                     "/local/domain/",
                                     "/local/domain/1",
                                     "/local/domain/2",
                                     "/local/domain/99999/x",
                                     "/local/domain/100000/x",
                                     "/local/domain/-1/x",
                                     "/tool",
                                     "/tool/xenstored",
                                     "/tool/xenstored/x",
                                     "/-_@9",
                                     "local/domain/1"};
  return kOdd[random_.below(std::size(kOdd))];
}

// Around the longest that there may be.
std::string RequestMaker::long_path(const Asker& asker) {
  static const std::string kHeads[] = {"/", "", "/local/domain/1/", "/local/domain/12345/",
                                       "/local/domain/x/"};
  std::string text = kHeads[random_.below(std::size(kHeads))];
  const size_t home = text.empty() ? fmt::format("/local/domain/{}/", asker.domain).size() : 0;
  const size_t around = path_length_max_ - (random_.one_in(2) ? home : 0) + random_.below(24);
  const size_t most = around > 12 ? around - 12 : around;
  while (text.size() < most) text += text.size() % 50 == 49 && text.size() + 1 < most ? '/' : 'p';
  return text;
}

std::string RequestMaker::path(const Asker& asker) {
  if (random_.one_in(25)) return odd_path();
  if (random_.one_in(120)) return long_path(asker);
  std::string text;
  if (random_.one_in(2)) {
    text = random_.one_in(6) ? "/t" : fmt::format("/local/domain/{}", random_.below(domains_ + 1u));
  }
  for (uint64_t depth = 1 + random_.below(random_.one_in(8) ? 6 : 3); depth > 0; --depth) {
    if (!text.empty()) text += '/';
    text += static_cast<char>('a' + random_.below(5));
  }
  return text;
}

std::string RequestMaker::domain_number() {
  static const std::string kOdd[] = {"",      "x",           "-1", "32752", "32753", "65535",
                                     "65536", "99999999999", "1x", " 2",    "0x1"};
  if (random_.one_in(8)) return kOdd[random_.below(std::size(kOdd))];
  return fmt::format("{}", random_.below(domains_ + 2u));
}

std::string RequestMaker::domain_above_0() {
  static const std::string kOdd[] = {"-1", "32752", "65535", "1x", " 2"};
  if (random_.one_in(8)) return kOdd[random_.below(std::size(kOdd))];
  return fmt::format("{}", 1 + random_.below(domains_ + 1u));
}

std::string RequestMaker::permissions() {
  static const std::string kOdd[] = {"",     "x1",  "r",   "rw",     "r1x",    "R1",
                                     "b0x2", "n-1", "w 1", "r99999", "n65536", "r32752"};
  std::string text;
  for (uint64_t count = random_.one_in(20) ? random_.below(9) : 1 + random_.below(3); count > 0; --count) {
    text += random_.one_in(30) ? kOdd[random_.below(std::size(kOdd))]
                               : fmt::format("{}{}", "nrwb"[random_.below(4)], random_.below(domains_ + 1u));
    text += kNul;
  }
  return text;
}

std::string RequestMaker::value() {
  if (random_.one_in(40)) return std::string(random_.below(4200), 'v');
  if (random_.one_in(20)) return "with" + kNul + "nul" + kNul;
  return std::string(random_.below(12), static_cast<char>('0' + random_.below(10)));
}

std::string RequestMaker::body_of(uint32_t type, const Asker& asker) {
  switch (type) {
    case XS_WRITE: return path(asker) + kNul + value();
    case XS_SET_PERMS: return (random_.one_in(15) ? odd_path() : path(asker)) + kNul + permissions();
    case XS_WATCH:
    case XS_UNWATCH: {
      std::string token(1, static_cast<char>('s' + random_.below(3)));
      if (random_.one_in(40)) token = random_.one_in(2) ? "" : std::string(random_.below(1500), 'T');
      return (random_.one_in(8) ? odd_path() : path(asker)) + kNul + token + kNul;
    }
    case XS_DIRECTORY_PART:
      return path(asker) + kNul + (random_.one_in(20) ? "x" : fmt::format("{}", random_.below(9))) + kNul;
    case XS_TRANSACTION_START:
    case XS_RESET_WATCHES: return random_.one_in(10) ? "" : kNul;
    case XS_TRANSACTION_END: return (random_.one_in(20) ? "X" : random_.one_in(4) ? "F" : "T") + kNul;
    case XS_GET_DOMAIN_PATH:
    case XS_IS_DOMAIN_INTRODUCED:
    case XS_RELEASE:
    case XS_RESUME: return domain_number() + kNul;
    // Domain 0 neither has a target nor is one: it would keep the other domain for ever (compare.cpp).
    case XS_SET_TARGET: return domain_above_0() + kNul + domain_above_0() + kNul;
    case XS_INTRODUCE: return domain_number() + kNul + "1" + kNul + (random_.one_in(10) ? "0" : "5") + kNul;
    // Its commands are about xenstored itself; see compare.cpp.
    case XS_CONTROL: return "no-such-command" + kNul;
    default: return path(asker) + kNul;
  }
}

std::string RequestMaker::distorted(std::string body) {
  switch (random_.below(6)) {
    case 0: return {};
    case 1: return body.substr(0, body.size() - 1);
    case 2: return body + kNul;
    case 3: return body + "tail";
    case 4: return body.substr(0, random_.below(body.size() + 1));
    default:
      if (!body.empty()) body[random_.below(body.size())] = static_cast<char>(random_.below(256));
      return body;
  }
}

Request RequestMaker::make(const Asker& asker) {
  Request request;
  unsigned total = 0;
  for (const Weight& weight : kWeights) total += weight.weight;
  auto pick = static_cast<int>(random_.below(total));
  for (const Weight& weight : kWeights) {
    request.type = weight.type;
    pick -= static_cast<int>(weight.weight);
    if (pick < 0) break;
  }
  // What takes much away comes rarely.
  if (request.type == XS_RESET_WATCHES && !random_.one_in(3)) request.type = XS_READ;
  request.body = body_of(request.type, asker);
  if (random_.one_in(60)) request.body = distorted(request.body);
  // What is longer ends a connection: compare.cpp tries that, too.
  if (request.body.size() > XENSTORE_PAYLOAD_MAX) request.body.resize(XENSTORE_PAYLOAD_MAX);
  if (random_.one_in(150)) request.type = static_cast<uint32_t>(random_.below(40));
  if (random_.one_in(400)) request.type = 0xffffffff - static_cast<uint32_t>(random_.below(4));
  if (!asker.transactions.empty() && request.type != XS_TRANSACTION_START && random_.one_in(2))
    request.transaction = asker.transactions[random_.below(asker.transactions.size())];
  if (random_.one_in(80)) request.transaction = static_cast<uint32_t>(random_.below(200));
  return request;
}

}  // namespace ringside
