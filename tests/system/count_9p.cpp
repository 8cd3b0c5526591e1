// count_9p SESSION: how many 9P messages a session file holds, read from its bytes alone: pcapng blocks
// (section 4 of draft-ietf-opsawg-pcapng), interfaces of link type 252 (Wireshark's exported PDUs), and
// behind their tags a message that begins with its own length (intro(5) of Plan 9). Shares no code with what
// wrote the file.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

using Bytes = std::vector<unsigned char>;

uint32_t number(const Bytes& file, size_t at, size_t length, bool big = false) {
  uint32_t value = 0;
  for (size_t i = 0; i < length; ++i) value |= uint32_t{file[big ? at + length - 1 - i : at + i]} << 8 * i;
  return value;
}

// Where the PDU begins: behind a tag of type 0. Tags are big-endian: type, length, and a value.
size_t behind_tags(const Bytes& file, size_t at, size_t end) {
  while (at + 4 <= end) {
    const uint32_t type = number(file, at, 2, true), length = number(file, at + 2, 2, true);
    at += 4 + length;
    if (type == 0) return at;
  }
  return end;
}

}  // namespace

int main(int count, char** arguments) {
  std::ifstream stream(count == 2 ? arguments[1] : "", std::ios::binary);
  const Bytes file(std::istreambuf_iterator<char>(stream), {});
  constexpr uint32_t kInterface = 1, kPacket = 6, kExportedPdu = 252;
  std::vector<bool> exported;  // by the interface's number
  uint64_t requests = 0, responses = 0, wrong = 0;
  for (size_t at = 0; at + 12 <= file.size();) {
    const uint32_t type = number(file, at, 4), length = number(file, at + 4, 4);
    if (length < 12 || length > file.size() - at) break;
    if (type == kInterface) exported.push_back(number(file, at + 8, 2) == kExportedPdu);
    if (type == kPacket && length >= 32) {
      const uint32_t interface = number(file, at + 8, 4), captured = number(file, at + 20, 4);
      const size_t end = at + 28 + captured;
      if (interface < exported.size() && exported[interface] && end <= at + length) {
        const size_t message = behind_tags(file, at + 28, end);
        // T messages have even numbers, R messages odd ones.
        if (end - message < 7 || number(file, message, 4) != end - message) {
          ++wrong;
        } else {
          ++(file[message + 4] % 2 == 0 ? requests : responses);
        }
      }
    }
    at += length;
  }
  std::printf("%llu %llu %llu\n", static_cast<unsigned long long>(requests),
              static_cast<unsigned long long>(responses), static_cast<unsigned long long>(wrong));
  return file.empty() ? 1 : 0;
}
