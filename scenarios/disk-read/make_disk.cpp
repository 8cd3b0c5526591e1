// make_disk BYTES SEED IMAGE CHECKSUM: a disk image of pseudo-random bytes, the same on every host, and a
// file with its CRC-32 in eight hexadecimal digits.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

uint32_t crc32(const std::vector<uint8_t>& bytes) {
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? 0xedb88320 ^ (crc >> 1) : crc >> 1;
  }
  return ~crc;
}

// Steele, Lea, Flood: Fast splittable pseudorandom number generators (SplitMix64).
std::vector<uint8_t> pattern(uint64_t count, uint64_t seed) {
  std::vector<uint8_t> bytes;
  bytes.reserve(count + 8);
  while (bytes.size() < count) {
    uint64_t word = (seed += 0x9e3779b97f4a7c15);
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<uint8_t>(word >> shift));
  }
  bytes.resize(count);
  return bytes;
}

bool write_file(const char* path, const void* data, size_t size) {
  std::FILE* file = std::fopen(path, "wb");
  const bool good = file != nullptr && std::fwrite(data, 1, size, file) == size;
  if ((file != nullptr && std::fclose(file) != 0) || !good) {
    std::perror(path);
    return false;
  }
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::fprintf(stderr, "usage: make_disk BYTES SEED IMAGE CHECKSUM\n");
    return EXIT_FAILURE;
  }
  const auto bytes =
      pattern(std::strtoull(arguments[1], nullptr, 0), std::strtoull(arguments[2], nullptr, 0));
  char digits[16];
  const int length = std::snprintf(digits, sizeof digits, "%08x\n", crc32(bytes));
  const bool good = write_file(arguments[3], bytes.data(), bytes.size()) &&
                    write_file(arguments[4], digits, static_cast<size_t>(length));
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
